"""The Python client against a running server."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
import requests
from alike_client import Client, RequestRefused, files

from ..drawings import KINDS, picture_bytes
from ..live import PHOTO, Live, Web


@pytest.fixture
def project(live: Live) -> int:
    """An empty project that allows several labels."""
    return live.new_project(multi_label=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a folder for each of two kinds, and two files that are no images."""
    for kind in KINDS[:2]:
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for seed in range(3):
            path = tmp_path / "photos" / kind / f"{kind}-{seed}.jpg".replace(" ", "-")
            path.write_bytes(picture_bytes(kind, 50 + seed))
    (tmp_path / "photos" / "notes.txt").write_text("notes")
    (tmp_path / "photos" / "broken.jpg").write_bytes(PHOTO[:300])
    (tmp_path / "photos" / ".hidden").write_text("hidden")
    return tmp_path / "photos"


def outcomes(uploaded) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in uploaded:
        found.setdefault(each.outcome, []).append(each.path)
    return {outcome: sorted(paths) for outcome, paths in found.items()}


def test_projects_are_listed_made_and_read(client: Client, live: Live) -> None:
    made = client.create_project("Made by the client", multi_label=True)
    assert made in client.projects()
    assert client.project(live.project).images == 25
    assert client.project(made.id).multi_label is True


def test_an_image_is_asked_about_in_three_ways(
    client: Client, live: Live, web: Web, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    by_name = client.suggest(live.project, name="photo.jpg")
    assert by_name.suggestions[0].label == "red circle"
    assert by_name.hits[0].labels == ("red circle",)
    for given in (tmp_path / "photo.jpg", str(tmp_path / "photo.jpg"), PHOTO, io.BytesIO(PHOTO)):
        assert client.suggest(live.project, file=given).suggestions == by_name.suggestions
    by_url = client.suggest(live.project, url=f"{web.url}/photo.jpg")
    assert by_url.suggestions == by_name.suggestions
    with pytest.raises(TypeError):
        client.suggest(live.project, name="photo.jpg", file=PHOTO)


def test_use_first_threshold_and_results_do_what_they_say(client: Client, live: Live) -> None:
    ask = {"name": "photo.jpg"}
    assert client.suggest(live.project, **ask, threshold=100).suggestions == ()
    assert len(client.suggest(live.project, **ask, threshold=100, use_first=True).suggestions) == 1
    assert len(client.suggest(live.project, **ask, results=3).hits) == 3


def test_many_images_are_asked_about_by_name(client: Client, live: Live) -> None:
    names = [image.name for image in client.images(live.project)] + ["unknown.jpg"]
    results = list(client.suggest_many(live.project, names=names))
    assert [result.image for result in results] == names
    assert results[-1].code == "image_not_found"
    one = client.suggest(live.project, name="photo.jpg")
    assert results[names.index("photo.jpg")].suggestions == one.suggestions


def test_many_files_are_asked_about_in_portions_and_bad_ones_have_an_error(
    client: Client, live: Live, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FILES_A_PORTION", 2)
    paths = [*sorted(folder.rglob("*.*")), folder / "missing.jpg"]
    paths.remove(folder / ".hidden")
    results = {Path(r.image).name: r for r in client.suggest_many(live.project, files=paths)}
    bad = {name for name, result in results.items() if result.error}
    assert bad == {"notes.txt", "broken.jpg", "missing.jpg"}
    assert results["missing.jpg"].code == "unreadable_file"
    for kind in KINDS[:2]:
        assert results[f"{kind}-0.jpg".replace(" ", "-")].suggestions[0].label == kind


def test_a_folder_is_uploaded_labeled_by_folder_and_not_sent_twice(
    client: Client, project: int, folder: Path
) -> None:
    first = outcomes(client.upload_folder(project, folder, by_folder=True, labels=["drawn"]))
    assert len(first["added"]) == 6
    assert first["refused"] == ["broken.jpg", "notes.txt"]
    again = outcomes(client.upload_folder(project, folder))
    assert again == {"duplicate": first["added"], "refused": first["refused"]}
    for image in client.images(project):
        assert {each.label for each in image.labels} == {"drawn", image.path.split("/")[0]}
    assert {label.name: label.images for label in client.labels(project)}["drawn"] == 6


def test_an_upload_that_was_broken_off_sends_only_the_rest(
    client: Client, project: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted(folder.rglob("*.jpg"))
    list(client.upload(project, paths[:3]))
    sent: list[str] = []
    send = requests.Session.send

    def noting(session, request, **more):
        sent.append(f"{request.method} {request.path_url} {len(request.body or b'')}")
        return send(session, request, **more)

    monkeypatch.setattr(requests.Session, "send", noting)
    found = outcomes(client.upload(project, paths))
    assert len(found["duplicate"]) + len(found["added"]) == 6
    [posted] = [line for line in sent if line.startswith("POST") and "/uploads " in line]
    whole = sum(path.stat().st_size for path in paths)
    assert int(posted.rpartition(" ")[2]) < 0.75 * whole


def test_a_zip_is_sent_and_its_files_are_told_of(
    client: Client, project: int, folder: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(folder))
    found = outcomes(client.upload_zip(project, tmp_path / "a.zip", by_folder=True))
    assert len(found["added"]) == 6
    assert "broken.jpg" in found["refused"]
    assert sorted(label.name for label in client.labels(project)) == sorted(KINDS[:2])


def test_labels_are_set_added_and_removed(client: Client, project: int, folder: Path) -> None:
    list(client.upload_folder(project, folder))
    name = next(client.images(project)).name
    carried = lambda: {each.label for each in client.image(project, name).labels}  # noqa: E731
    changed = client.set_labels(project, {name: ["one", "two"]})
    assert set(changed.created_labels) == {"one", "two"}
    assert carried() == {"one", "two"}
    client.add_labels(project, {name: ["three"]})
    client.remove_labels(project, {name: ["one"]})
    assert carried() == {"two", "three"}


def test_an_image_is_saved_with_its_labels_under_a_name_with_slashes_and_umlauts(
    client: Client, live: Live
) -> None:
    content = picture_bytes("red circle", 4242)
    name = "von mir/größe 1 & 2?.jpg"
    result = client.suggest(live.project, file=content, save=True, image_name=name)
    try:
        assert result.saved == name
        assert client.image(live.project, name).labels[0].label == "red circle"
    finally:
        client.delete_image(live.project, result.saved)
    with pytest.raises(RequestRefused, match="no image named"):
        client.image(live.project, name)


def test_similar_images_come_nearest_first(client: Client, live: Live) -> None:
    found = client.similar(live.project, name="photo.jpg", limit=5)
    assert len(found) == 5
    assert [each.score for each in found] == sorted((e.score for e in found), reverse=True)
    only = client.similar(live.project, file=PHOTO, labels=["blue square"])
    assert {client.image(live.project, each.image).labels[0].label for each in only} == {
        "blue square"
    }


def test_labels_are_exported_whole_or_not_at_all(
    client: Client, live: Live, tmp_path: Path
) -> None:
    rows = list(csv.DictReader(client.export(live.project, tmp_path / "a.csv").open()))
    assert len(rows) == 25
    told = json.loads(client.export(live.project, tmp_path / "a.json").read_text())
    assert {row["name"] for row in told} == {row["name"] for row in rows}
    only = client.export(live.project, tmp_path / "b.csv", label=["red circle"])
    assert len(only.read_text().splitlines()) == 1 + 5
    with pytest.raises(RequestRefused):
        client.export(live.project, tmp_path / "c.csv", label=["unknown"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "b.csv"]


def test_errors_have_the_servers_sentence_and_code(client: Client, live: Live) -> None:
    with pytest.raises(RequestRefused, match="no such") as refused:
        client.project(999_999)
    assert (refused.value.status, refused.value.code) == (404, "not_found")
    with (
        Client(live.url, "wrong") as stranger,
        pytest.raises(RequestRefused, match="not valid") as refused,
    ):
        stranger.projects()
    assert refused.value.code == "bad_token"
