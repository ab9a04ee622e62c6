from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.rules.groups import Edge, Groups, join_supported

IDS = "abcdef"


def grouped(ties, ids=IDS):
    groups = Groups(ids)
    join_supported(groups, ties)
    members: dict[str, str] = {}
    for id, name in sorted(groups.names().items()):
        members[name] = members.get(name, "") + id
    return sorted(members.values())


def close(first, second):
    return Edge(first, second, jaccard=0.9, containment=0.95)


def loose(first, second, containment=0.6):
    return Edge(first, second, jaccard=0.3, containment=containment)


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ([], ["a", "b", "c", "d", "e", "f"]),
        ([close("a", "b"), close("b", "c")], ["abc", "d", "e", "f"]),
        ([loose("a", "b")], ["ab", "c", "d", "e", "f"]),
        # one loose tie among four pairs does not join two groups
        ([close("a", "b"), close("c", "d"), loose("b", "c")], ["ab", "cd", "e", "f"]),
        # two among four do
        ([close("a", "b"), close("c", "d"), loose("b", "c"), loose("a", "c")], ["abcd", "e", "f"]),
    ],
)
def test_ties_join(ties, expected):
    assert grouped(ties) == expected


@given(
    st.permutations(
        [
            close("a", "b"),
            loose("b", "c"),
            loose("a", "c", 0.7),
            loose("c", "d"),
            close("e", "f"),
            loose("d", "e"),
        ]
    )
)
def test_the_order_of_the_ties_does_not_matter(ties):
    assert grouped(ties) == grouped(sorted(ties))


def test_a_group_is_named_by_its_least_id():
    groups = Groups(IDS)
    groups.join("f", "c")
    groups.join("c", "e")
    assert groups.names() == {"a": "a", "b": "b", "c": "c", "d": "d", "e": "c", "f": "c"}


def test_a_group_of_thousands_still_takes_a_copy():
    ids = [f"{n:04}" for n in range(2000)]
    ties = [close(ids[0], id) for id in ids[1:]]
    ties += [loose(id, "new") for id in ids[:64]]
    assert len(grouped(ties, [*ids, "new"])) == 1
