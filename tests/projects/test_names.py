"""Names of uploaded files: safe, and no two the same."""

import pytest

from projects.services.names import (
    MAX_NAME,
    MAX_PATH,
    DistinctPaths,
    clean_path,
    file_name,
    folder_label,
    is_junk,
    unique_names,
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a/b/c.jpg", "a/b/c.jpg"),
        ("../../etc/passwd.jpg", "etc/passwd.jpg"),
        ("/absolute/c.jpg", "absolute/c.jpg"),
        ("C:\\Users\\me\\c.jpg", "Users/me/c.jpg"),
        ("C:c.jpg", "c.jpg"),
        ("a/./b/../c.jpg", "a/b/c.jpg"),
        ("a\x00b\x1f.jpg", "ab.jpg"),
        ("gpj.\u202egpj.exe", "gpj.gpj.exe"),
        ("half\ud800pair.jpg", "halfpair.jpg"),
        ("cafe\u0301.jpg", "café.jpg"),
        ("<script>alert(1)</script>.jpg", "<script>alert(1)</script>.jpg".replace("</", "</")),
        ("", "unnamed"),
        ("../..", "unnamed"),
        ("   /  ", "unnamed"),
    ],
)
def test_a_path_leads_nowhere_but_down(raw: str, clean: str):
    assert clean_path(raw) == clean
    assert clean_path(clean) == clean


def test_long_paths_fit_and_stay_different():
    paths = {clean_path(f"{'deep/' * 400}{middle}{'/more' * 300}/x.jpg") for middle in "abc"}
    assert len(paths) == 3
    assert all(len(path) <= MAX_PATH for path in paths)


def test_a_name_of_300_signs_is_shortened_and_keeps_its_extension():
    name = file_name("x" * 300 + ".jpeg", extension=".jpg")
    assert len(name) == MAX_NAME
    assert name.endswith("x.jpeg")


def test_a_file_without_a_name_gets_one_with_the_real_extension():
    assert file_name(clean_path("///"), extension=".png") == "unnamed.png"


def test_taken_names_get_numbers_before_the_extension():
    taken = {"a.jpg", "a (2).jpg"}
    wanted = [("a.jpg", "1" * 64), ("b.jpg", "2" * 64), ("a.jpg", "3" * 64)]
    names = unique_names(wanted, lambda names: names & taken)
    assert names == ["a (3).jpg", "b.jpg", "a (4).jpg"]


def test_a_number_given_to_one_file_is_not_the_name_of_a_later_one():
    wanted = [("a.jpg", "1" * 64), ("a.jpg", "2" * 64), ("a (2).jpg", "3" * 64)]
    assert unique_names(wanted, lambda names: set()) == ["a.jpg", "a (2).jpg", "a (2) (2).jpg"]


def test_ten_thousand_files_of_one_name_ask_twice_and_get_names_of_their_own():
    asked = []

    def taken(names: set[str]) -> set[str]:
        asked.append(len(names))
        return {"image.jpg"}

    names = unique_names([("image.jpg", f"{n:064x}"[::-1]) for n in range(10_000)], taken)
    assert len(set(names)) == 10_000
    assert len(asked) == 2


def test_numbered_names_of_the_greatest_length_still_fit():
    wanted = [("x" * 251 + ".jpg", str(n) * 64) for n in range(3)]
    assert all(len(name) <= MAX_NAME for name in unique_names(wanted, lambda names: set()))


def test_paths_that_become_the_same_are_told_apart_without_counting_anew_each_time():
    paths = DistinctPaths()
    given = [paths.take("a") for _ in range(100_000)]
    assert given[:3] == ["a", "a (2)", "a (3)"]
    assert len(set(given)) == 100_000


@pytest.mark.parametrize(
    "path", [".DS_Store", "a/Thumbs.db", "__MACOSX/a/._b.jpg", "a/desktop.ini", "@eaDir/x.jpg"]
)
def test_leftovers_of_operating_systems_are_junk(path: str):
    assert is_junk(path)


def test_photos_are_no_junk():
    assert not is_junk("a/thumbs.db.jpg")


def test_the_innermost_folder_is_the_label():
    assert folder_label("photos/summer/hat/1.jpg") == "hat"
    assert folder_label("1.jpg") == ""
    assert folder_label("a|b/1.jpg") == "a-b"
    assert len(folder_label("x" * 300 + "/1.jpg")) == 100
