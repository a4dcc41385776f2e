"""Walks over array programs, and names that are still free."""

from nnmath.numeric import program
from nnmath.numeric.plans import fresh_name
from nnmath.numeric.program import Node, all_nodes, const, name, rebuilder, uses

X, Y = name("x", 1), name("y", 1)
SQUARE = program.mul((X, X))
TOTAL = program.add(((1, SQUARE), (1, program.negative(SQUARE)), (1, Y)))


def test_each_node_once_with_how_often_it_is_read() -> None:
    assert uses([TOTAL, SQUARE]) == {TOTAL: 1, SQUARE: 3, program.negative(SQUARE): 1, X: 2, Y: 1}
    nodes = all_nodes([TOTAL])
    assert len(nodes) == len(set(nodes)) == 5
    assert nodes[0] == TOTAL
    assert nodes.index(SQUARE) < nodes.index(X)


def test_a_program_is_rebuilt_where_something_changes_and_is_the_same_object_elsewhere() -> None:
    kept = program.call("exp", X)
    root = program.add(((1, kept), (1, program.negative(Y))))
    seen: list[tuple[Node, Node]] = []

    def change(old: Node, new: Node) -> Node | None:
        seen.append((old, new))
        return SQUARE if old == Y else None

    found = rebuilder(change)(root)
    assert found == program.add(((1, kept), (1, program.negative(SQUARE))))
    assert found.args[0] is kept
    assert rebuilder(lambda old, new: None)(root) is root
    assert (program.negative(Y), program.negative(SQUARE)) in seen, "the operands are rebuilt first"


def test_whole_and_decimal_numbers_are_equal_nodes_and_stay_different_text() -> None:
    whole, decimal = program.call("exp", const(0)), program.call("exp", const(0.0))
    assert whole == decimal
    visit = rebuilder(lambda old, new: None)
    assert [type(visit(n).args[0].data[0]) for n in (whole, decimal)] == [int, float]


def test_a_name_is_given_once() -> None:
    taken = {"u", "u2"}
    assert [fresh_name("u", taken, {"u4"}) for _ in range(3)] == ["u3", "u5", "u6"]
    assert fresh_name("row", taken) == "row"
    assert taken == {"u", "u2", "u3", "u5", "u6", "row"}
