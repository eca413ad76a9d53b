import pytest
from hypothesis import given
from hypothesis import strategies as st
from vpx.sdk import DependencyCycleError, DuplicateModuleError, MissingDependencyError, toposort_modules
from vpx.sdk.testing import FakeModule


def names(modules):
    return [module.name for module in modules]


def test_dependencies_come_first_and_given_order_is_kept_otherwise():
    modules = [FakeModule("z"), FakeModule("b", depends=["c"]), FakeModule("a"), FakeModule("c")]
    assert names(toposort_modules(modules)) == ["z", "a", "c", "b"]


def test_optional_dependencies_order_only_if_present():
    assert names(toposort_modules([FakeModule("b", optional_depends=["a", "x"]), FakeModule("a")])) == ["a", "b"]


def test_a_missing_requirement_names_both_sides():
    with pytest.raises(MissingDependencyError, match="'b' needs 'x'") as caught:
        toposort_modules([FakeModule("b", depends=["x"]), FakeModule("a")])
    assert (caught.value.module, caught.value.missing, caught.value.available) == ("b", "x", ["a", "b"])


def test_a_cycle_is_named_without_its_bystanders():
    modules = [
        FakeModule("a", depends=["b"]),
        FakeModule("b", depends=["c"]),
        FakeModule("c", optional_depends=["b"]),
        FakeModule("d"),
    ]
    with pytest.raises(DependencyCycleError) as caught:
        toposort_modules(modules)
    assert caught.value.cycle == ["b", "c"]
    assert "b -> c -> b" in str(caught.value)


def test_two_modules_of_one_name_are_refused():
    with pytest.raises(DuplicateModuleError, match="'a'"):
        toposort_modules([FakeModule("a"), FakeModule("a")])


@st.composite
def acyclic_modules(draw):
    count = draw(st.integers(0, 8))
    modules = []
    for i in range(count):
        earlier = [f"m{j}" for j in range(i)]
        required = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        optional = draw(st.lists(st.sampled_from([*earlier, "absent"]), unique=True))
        modules.append(FakeModule(f"m{i}", required, [name for name in optional if name not in required]))
    return draw(st.permutations(modules))


@given(acyclic_modules())
def test_every_module_runs_after_what_it_waits_for(modules):
    ordered = names(toposort_modules(modules))
    assert sorted(ordered) == sorted(names(modules))
    for module in modules:
        for dep in [*module.depends, *module.optional_depends]:
            if dep in ordered:
                assert ordered.index(dep) < ordered.index(module.name)


@given(acyclic_modules())
def test_sorting_a_sorted_list_changes_nothing(modules):
    ordered = toposort_modules(modules)
    assert names(toposort_modules(ordered)) == names(ordered)
