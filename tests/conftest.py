"""What all test files share: how long tables are sampled, and a cache of compiled code.

A run takes one row in two to seven, or more, of a long table, the same ones each time. All rows run with
``NNMATH_THOROUGH=1 pytest -n 2 -q``. What was left out stands in pytest's last line as deselected.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator

import pytest

THOROUGH = "NNMATH_THOROUGH"

#: Formulas that were derived stay for the whole run: by default, looking through them again and again takes 8 % of it.
gc.set_threshold(50_000, 20, 50)

#: Of these tests one row in so many is run. Each table is much larger than what it takes to notice a broken engine.
SAMPLED = {
    "test_accuracy.py::test_a_planted_failure_is_found_where_it_is": 5,
    "test_accuracy_arrays.py::test_declared_regimes_fit_the_formula": 5,
    "test_activation_accuracy.py::test_a_worse_form_does_not_keep_them": 4,
    "test_activation_accuracy.py::test_other_parameters_cost_nothing": 2,
    "test_activation_accuracy.py::test_the_generated_code_keeps_the_figures": 11,
    "test_activation_accuracy.py::test_torch_is_nowhere_better": 2,
    "test_activations.py::test_maxout_of_any_number_of_pieces": 2,
    "test_autodiff_torch.py::test_gradients_are_those_of_autograd": 2,
    "test_bench.py::test_every_contestant_returns_the_right_thing": 2,
    "test_branches.py::test_other_formulas_have_both_forms_and_pass": 2,
    "test_catalogue_proofs.py::test_no_internal_index_is_shown": 8,
    "test_centred_rows.py::test_every_row_has_its_digits": 2,
    "test_claim_mutants.py::test_mutants_of_claims_are_refuted": 9,
    "test_codegen.py::test_bad_input_gets_one_clear_line": 2,
    "test_codegen.py::test_source_is_plain_numpy": 2,
    "test_crosscheck.py::test_an_error_in_the_generated_code_is_named": 2,
    "test_crosscheck.py::test_every_entry_agrees_with_exact_values_and_torch": 4,
    "test_derive_file.py::test_every_step_is_proved_and_the_code_is_right": 2,
    "test_docs.py::test_entry_pages_are_what_the_code_emits": 4,
    "test_error_bounds.py::test_a_mean_that_is_zero_may_be_added": 2,
    "test_expectation.py::test_a_page_shows_averages_and_what_is_assumed": 2,
    "test_expectation_random.py::test_the_normal_form_of_an_average_has_its_value": 2,
    "test_formulas_of_practice.py::test_what_people_type": 4,
    "test_guards.py::test_a_guard_excuses_nothing_else": 6,
    "test_guards.py::test_the_gradient_without_a_guard_is_proved_and_says_so": 2,
    "test_homework.py::test_numpy": 4,
    "test_long_arrays.py::test_an_error_for_long_arrays_only_is_found": 2,
    "test_loops.py::test_stated_sizes_are_numbers_and_the_others_stay_symbols": 2,
    "test_masked.py::test_a_wrong_claim_is_refuted": 2,
    "test_matrix_notation.py::test_random_expressions_mean_their_index_form": 2,
    "test_mending.py::test_one_finding_names_the_slip": 4,
    "test_mending.py::test_what_is_to_be_written_is_right": 14,
    "test_mutants.py::test_mutant_is_found_and_named": 20,
    "test_mutants.py::test_no_finding_in_a_correct_gradient": 2,
    "test_named_quotients.py::test_values_and_gradients_are_finite_at_any_scale": 3,
    "test_named_rows.py::test_a_norm_in_float32_is_that_in_float64": 10,
    "test_native.py::test_compiled_functions_are_within_the_bounds_of_the_cross_check": 3,
    "test_native_catalogue.py::test_every_function_has_a_c_form": 2,
    "test_native_long.py::test_an_error_in_the_c_for_long_arrays_is_found": 2,
    "test_native_matrices.py::test_every_entry_is_right": 6,
    "test_native_short_rows.py::test_each_row_is_what_it_is_alone": 3,
    "test_native_stacks.py::test_slices_give_what_numpy_gives": 5,
    "test_native_teams.py::test_teams_give_what_numpy_gives": 5,
    "test_near_forms.py::test_beyond_the_interval_it_does_not_serve": 2,
    "test_near_forms.py::test_long_arrays_are_as_accurate": 3,
    "test_normalised_sums.py::test_derivatives_are_finite_where_the_sums_are_not": 2,
    "test_offset_sums.py::test_values_and_gradients_are_finite_where_the_sum_is_not": 2,
    "test_options.py::test_every_variant_is_proved_and_agrees_with_torch": 12,
    "test_own_losses.py::test_the_code_computes_what_the_formula_says": 2,
    "test_planted_errors.py::test_a_right_claim_about_a_wrong_definition_is_refuted": 4,
    "test_planted_errors.py::test_a_right_claim_is_proved_however_it_is_written": 2,
    "test_planted_errors.py::test_a_wrong_claim_is_refuted": 16,
    "test_probing.py::test_correct_code_is_clean": 3,
    "test_probing.py::test_hazards": 2,
    "test_results_of_formulas.py::test_what_a_formula_gives": 4,
    "test_returned_value.py::test_a_loss_beside_its_gradients": 2,
    "test_sizes.py::test_the_result_is_the_derivative_by_dual_numbers": 10,
    "test_sizes.py::test_the_result_is_the_gradient_of_torch": 4,
    "test_statement_mutants.py::test_a_spoiled_statement_is_not_proved": 8,
    "test_tracing.py::test_formula_is_what_numpy_computes": 2,
    "test_tracing.py::test_formula_is_what_numpy_computes_at_concrete_sizes": 3,
    "test_tracing.py::test_gradient_is_proved_for_all_sizes": 2,
    "test_tracing_torch.py::test_formula_is_what_torch_computes": 3,
    "test_tracing_torch.py::test_what_has_no_formula_is_named_with_its_line": 2,
    "test_updates.py::test_every_option_against_torch": 4,
    "test_updates.py::test_proofs_with_every_option": 4,
    "test_verify.py::test_correct_code_is_proved": 4,
    "test_verify_correct.py::test_correct_numpy_code_gets_no_finding": 8,
    "test_verify_correct.py::test_correct_torch_code_gets_no_finding": 2,
    "test_verify_torch.py::test_correct_torch_code_is_proved": 4,
    "test_verify_torch.py::test_planted_error_is_found_and_named": 6,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out rows of the sampled tables, unless all were asked for, or one test by its id."""
    by_id = any("[" in str(argument) for argument in config.invocation_params.args)
    if os.environ.get(THOROUGH) or by_id or config.getoption("keyword"):
        return
    kept, left_out = [], []
    seen: Counter[str] = Counter()
    for item in items:
        test, bracket, _ = item.nodeid.partition("[")
        one_in = SAMPLED.get(test.rpartition("/")[2], 1) if bracket else 1
        (left_out if seen[test] % one_in else kept).append(item)
        seen[test] += 1
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of compiled code for all tests of a run, in whatever process: nothing is left in the user's."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield
