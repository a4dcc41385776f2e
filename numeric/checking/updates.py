"""Update rules as NumPy source: a step on arrays, and the same step on a dict of arrays with its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ...calculus.derivation import Definition, Derivation
from ...calculus.tensors import Tensor
from ..plans import GeneratedModule, Plan, identifier
from ..targets import assemble

#: The given that counts the steps.
COUNTER = "t"


@dataclass(frozen=True)
class Rule:
    """A derivation read as one step. state: which definition replaces a given; start: where it starts, if not at 0."""

    derivation: Derivation
    state: Mapping[str, str]
    start: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def givens(self) -> dict[str, Tensor]:
        return {t.name: t for t in self.derivation.givens}

    @property
    def definitions(self) -> dict[str, Definition]:
        return {d.name: d for d in self.derivation.definitions}

    @property
    def course(self) -> Derivation:
        """The derivation with only what a step reads: the others serve the proof."""
        known, needed = self.definitions, set(self.state)
        stack = list(self.state.values())
        while stack:
            name = stack.pop()
            if name not in needed:
                needed.add(name)
                stack += [t.name for t in known[name].inputs()] if name in known else []
        d = self.derivation
        return replace(
            d,
            givens=tuple(t for t in d.givens if t.name in needed),
            definitions=tuple(x for x in d.definitions if x.name in needed),
        )

    @property
    def subject(self) -> Tensor:
        """What the rule is about, its first state: parameters, a learning rate, a gradient."""
        return self.givens[next(iter(self.state))]

    @property
    def trains(self) -> bool:
        """Whether parameters are updated from a gradient."""
        return self.subject.rank == 1 and "g" in self.givens and self.subject.name != "g"

    @property
    def memory(self) -> tuple[Tensor, ...]:
        """The states besides the subject."""
        return tuple(self.givens[name] for name in list(self.state)[1:])

    @property
    def name(self) -> str:
        base = identifier(self.derivation.id)
        return f"{base}_step" if self.trains else base

    @property
    def plan(self) -> Plan:
        """Its one function."""
        returns = tuple(self.definitions[name] for name in self.state.values())
        return Plan(self.name, returns, "value", "one step to")


def generate(rule: Rule, target: str = "numpy") -> GeneratedModule:
    """The module of an update rule: ``NAME_step``, and where it trains parameters ``NAME_init`` and ``NAME_update``.

    A target other than NumPy has the step alone.
    """
    module = assemble(rule.course, (rule.plan,), target)
    if not rule.trains or target != "numpy":
        return module
    return GeneratedModule(f"{module.source}\n\n{loop(rule, module.functions[0].arguments)}", module.functions)


def loop(rule: Rule, arguments: tuple[str, ...]) -> str:
    """``NAME_init`` and ``NAME_update``: any number of arrays of any shape, by name."""
    base, w = identifier(rule.derivation.id), identifier(rule.subject.name)
    numbers = sorted({v for n, v in rule.start.items() if isinstance(v, str) and n in rule.state})
    counts = COUNTER in arguments
    first = rule.start.get(COUNTER, 1)
    entries = [f'"{COUNTER}": {int(first) - 1}'] if counts and not isinstance(first, str) else []
    for m in rule.memory:
        like = "a" if m.rank else "a.reshape(-1)[0]"
        entries.append(f'"{m.name}": {{k: {_start(rule, m, like)} for k, a in arrays.items()}}')
    signature = ", ".join(["parameters", *(f"{n}={_value(rule, n)!r}" for n in numbers)])
    lines = [
        f"def {base}_init({signature}):",
        f'    """The state of {base}_update before the first step; parameters: arrays by name."""',
        *(["    arrays = {k: np.asarray(a) for k, a in parameters.items()}"] if rule.memory else []),
        *(["    return {", *(f"        {entry}," for entry in entries), "    }"] if entries else ["    return {}"]),
        "",
        "",
        f"def {base}_update(parameters, gradients, state, **numbers):",
        f'    """One {base}_step for each array, of any shape: new parameters by name, and the new state.',
        "",
        "    parameters, gradients: arrays by name. state: from the step before, at first from",
        f"    {base}_init. numbers: keyword arguments of {base}_step, such as a learning rate.",
        '    """',
    ]
    lines += ([f'    {COUNTER} = state["{COUNTER}"] + 1'] if counts else []) + ["    updated = {}"]
    after = [f'"{COUNTER}": {COUNTER}'] if counts else []
    after += [f'"{m.name}": {{}}' for m in rule.memory]
    lines += [f"    after = {{{', '.join(after)}}}", f"    for k, {w} in parameters.items():"]
    lines += [f"        shape = np.shape({w})"]
    inputs = [f"np.ravel({w})", "np.ravel(gradients[k])"]
    given = [f'np.ravel(state["{m.name}"][k])' if m.rank else f'state["{m.name}"][k]' for m in rule.memory]
    named = [f"{identifier(m.name)}={text}" for m, text in zip(rule.memory, given, strict=True)]
    called = [f"{w}={inputs[0]}", f"g={inputs[1]}", *named]
    called += [f"{COUNTER}={COUNTER}"] if counts else []
    lines += [f"        result = {rule.name}("]
    lines += [f"            {c}," for c in called]
    lines += ["            **numbers,", "        )"]
    if rule.memory:
        lines += ["        updated[k] = result[0].reshape(shape)"]
        for at, m in enumerate(rule.memory, 1):
            lines += [f'        after["{m.name}"][k] = result[{at}]' + (".reshape(shape)" if m.rank else "")]
    else:
        lines += ["        updated[k] = result.reshape(shape)"]
    return "\n".join([*lines, "    return updated, after"]) + "\n"


def _start(rule: Rule, m: Tensor, like: str) -> str:
    value = rule.start.get(m.name, 0)
    return f"np.zeros_like({like})" if value == 0 else f"np.full_like({like}, {value})"


def _value(rule: Rule, name: str) -> float:
    value = rule.givens[name].domain.value
    assert value is not None
    return float(value)
