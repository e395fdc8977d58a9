"""Audits of files: what cannot be decoded, odd names, duplicates, and labels that conflict."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_samples import AGE, GENDER, copies, write_faulty_folder
from faceattr import Dataset, RegressionTask
from faceattr.data import Audit, reader


@pytest.fixture
def faulty(tmp_path: Path) -> Dataset:
    write_faulty_folder(tmp_path)
    return Dataset.from_utkface(tmp_path)


@pytest.fixture
def audit(faulty: Dataset) -> Audit:
    return faulty.audit()


def test_the_broken_file_is_named_with_its_reason(audit: Audit) -> None:
    assert audit.unreadable["sample_id"].tolist() == ["30_1_0_20.jpg"]
    assert audit.unreadable["reason"].str.len().gt(0).all()
    kept = audit.dataset.reject(audit.unreadable.set_index("sample_id")["reason"])
    assert kept.audit().unreadable.empty


def test_only_what_was_not_decoded_is_tried_again(
    faulty: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty.duplicates()
    tried: list[str] = []
    real = reader.read_sample
    monkeypatch.setattr(reader, "read_sample", lambda path: tried.append(path) or real(path))
    faulty.audit()
    assert [Path(path).name for path in tried] == ["30_1_0_20.jpg"]


def test_names_are_refused_or_need_attention(audit: Audit) -> None:
    assert audit.rejects["reason"].tolist() == [
        "the name has 3 of the 4 fields age_gender_race_stamp"
    ]
    assert audit.odd_names["sample_id"].tolist() == ["25_0_0_21jpg.jpg"]
    assert audit.odd_names["reason"].tolist() == ["no dot before the suffix"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a b.png", "a blank in the name"),
        ("ajpg.png", "no dot before the suffix"),
        ("a__b.png", "two underscores in a row"),
        ("a:b.png", "a sign that other systems forbid: ':'"),
        ("a\u200bb.png", "an invisible sign in the name"),
        ("a.jpg", "the content is PNG, not JPEG"),
        ("a.dat", "no usual suffix"),
        ("gut-äöü.png", ""),
        ("20170109.jpg.chip.png", ""),
    ],
)
def test_odd_names(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    table = copies([0], [AGE], age=1.0).table.assign(path=str(tmp_path / name))
    found = Dataset(table, tasks=AGE).audit(by=()).odd_names
    assert found["reason"].tolist() == ([reason] if reason else [])


def test_names_that_differ_only_by_case() -> None:
    table = copies([0, 1, 2], [AGE], age=1.0).table
    table["path"] = ["/nowhere/A.png", "/nowhere/a.png", "/nowhere/b.png"]
    audit = Dataset(table, tasks=AGE).audit(by=())
    assert audit.odd_names["sample_id"].tolist() == ["d00000", "d00001"]
    assert len(audit.unreadable) == 3


def test_duplicates_are_those_of_the_data_set_with_counts(audit: Audit, faulty: Dataset) -> None:
    assert audit.duplicates.equals(faulty.duplicates())
    assert audit.pairs_confirmed == 1
    assert audit.pairs_refused >= 0
    part = faulty.select([name for name in faulty.table["sample_id"] if name != "23_0_0_12.jpg"])
    assert part.audit().pairs_confirmed == 0


def test_conflicts_stand_worst_first(audit: Audit) -> None:
    rows = audit.conflicts[["kind", "task", "n", "labels", "spread"]].to_records(index=False)
    assert [tuple(row) for row in rows] == [
        ("identical", "gender", 2, "male | female", 2.0),
        ("identical", "age", 2, "20 | 50", 30.0),
        ("near", "age", 2, "22 | 23", 1.0),
    ]
    assert audit.conflicts["images"].iloc[0] == "20_0_0_0.jpg | 50_1_0_10.jpg"


def test_a_group_of_two_pairs_is_near(tmp_path: Path) -> None:
    write_faulty_folder(tmp_path)
    (tmp_path / "24_0_0_13.jpg").write_bytes((tmp_path / "23_0_0_12.jpg").read_bytes())
    conflicts = Dataset.from_utkface(tmp_path).audit().conflicts
    assert conflicts.loc[conflicts["labels"] == "22 | 23 | 24", "kind"].tolist() == ["near"]


def test_ranges_conflict_where_they_have_nothing_in_common() -> None:
    low = [20.0, 25.0, 20.0, 30.0, None, 40.0]
    high = [29.0, 34.0, 29.0, 39.0, None, 49.0]
    age = [None, None, None, None, 45.0, None]
    ds = copies([0, 0, 1, 1, 2, 2], [AGE], age=age, age_min=low, age_max=high)
    conflicts = ds.audit().conflicts
    assert conflicts["labels"].tolist() == ["20-29 | 30-39"]
    assert conflicts["spread"].tolist() == [1.0]


def test_missing_labels_are_no_conflict() -> None:
    ds = copies([0, 0, 0], [AGE, GENDER], age=[None, 3, 3], gender=["male", None, None])
    assert ds.audit().conflicts.empty


def test_nothing_wrong_leaves_empty_tables_with_their_columns() -> None:
    audit = copies([0], [RegressionTask("height")], height=1.7).audit(by=())
    for name, table in audit.tables().items():
        if name != "missing":
            assert table.empty, name
        assert len(table.columns) >= 2, name
    assert "nothing found" in audit.summary()
    assert audit.pairs_confirmed == audit.pairs_refused == 0
    assert audit.keep_one() == ["d00000"]


def test_findings_stand_most_serious_first(audit: Audit) -> None:
    findings = audit.findings
    assert findings["severity"].tolist() == sorted(
        findings["severity"], key=["high", "medium", "low"].index
    )
    found = dict(zip(findings["finding"] + findings["task"], findings["n"], strict=True))
    assert found["files that cannot be decoded"] == 1
    assert found["files that were not accepted"] == 1
    assert found["duplicates with labels that conflictage"] == 2
    assert found["images that show what another one shows"] == 4
    assert findings["share"].between(0, 1).all()
    assert findings["finding"].iloc[0] in audit.summary()


def test_part_of_a_split_can_be_audited(faulty: Dataset) -> None:
    good = faulty.reject({"30_1_0_20.jpg": "broken"})
    train, _ = good.split(train=0.7, test=0.3, stratify=())
    assert len(train.audit().duplicates) <= len(good.duplicates())
    assert "split" not in train.audit().cells


def test_real_faces_pile_up_and_conflict(utkface_folder: Path) -> None:
    ds = Dataset.from_utkface(utkface_folder)
    few = ds.table["sample_id"].str.startswith(("26_0_4", "27_0_4", "25_0_4"))
    part = ds.select(few)
    audit = part.audit()
    assert audit.unreadable.empty
    assert len(audit.duplicates) == len(part.duplicates())
    from faceattr.data.audit.pile_ups import pile_up_table

    assert pile_up_table(ds.table, ds.tasks)["value"].tolist()[:2] == [26.0, 1.0]
