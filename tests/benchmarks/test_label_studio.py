"""The comparison with Label Studio asks for what it says, and counts the same in both."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.label_studio.__main__ import EXIT_WITHOUT_PEER, arguments, our_server
from benchmarks.label_studio.compare import (
    LABELS,
    PAGE,
    Times,
    all_images,
    blocks,
    import_all,
    interleave,
    last_page,
)
from benchmarks.label_studio.figures import refuse_unequal, wait_until_embedded
from benchmarks.label_studio.ours import Ours
from benchmarks.label_studio.peer import LabelStudio, NoPeer, command_of, run
from benchmarks.label_studio.photos import EDGE, write_photos
from benchmarks.label_studio.theirs import Theirs, key_of, tab_of
from benchmarks.label_studio.wire import BOUNDARY, Part, form
from projects.services.grid import CHUNK
from tests.drawings import write_pictures
from tests.running import ROOT, wait_until

COLUMNS = [
    {"id": "id", "target": "tasks", "visibility_defaults": {"explore": True, "labeling": False}},
    {"id": "inner_id", "target": "tasks", "visibility_defaults": {"explore": False}},
    {"id": "image", "target": "tasks", "parent": "data"},
]


class Heard(BaseHTTPRequestHandler):
    """Answers what Label Studio would, as far as it is read, and keeps what it was asked."""

    server: Listener
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.heard.append((self.command, self.path, self.headers, body))
        told = {"id": 7, "columns": COLUMNS, "tasks": [{"id": 1}, {"id": 2}], "task_number": 2}
        content = json.dumps(told).encode()
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer  # noqa: N815 - names that http.server asks for

    def log_message(self, *_: object) -> None:
        pass


class Listener(ThreadingHTTPServer):
    heard: list


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener(("127.0.0.1", 0), Heard)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def theirs(listener: Listener) -> Iterator[Theirs]:
    tool = Theirs(f"http://127.0.0.1:{listener.server_port}", "secret")
    tool.make_project(LABELS)
    listener.heard.clear()
    yield tool
    tool.client.close()


def asked(listener: Listener) -> list[str]:
    return [f"{method} {path}" for method, path, _, _ in listener.heard]


# --- requests --------------------------------------------------------------------------------


def test_a_form_is_read_back_as_it_was_put_together():
    parts = [Part("kind", b"files"), Part("file", b"\xff\xd8\r\n--x\x00", "a b.jpg")]
    head = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
    read = email.message_from_bytes(head + form(parts)).get_payload()
    names = [part.get_param("name", header="content-disposition") for part in read]
    assert names == ["kind", "file"]
    assert [part.get_filename() for part in read] == [None, "a b.jpg"]
    assert form(parts).count(b"\r\n\r\n\xff\xd8\r\n--x\x00\r\n--" + BOUNDARY.encode()) == 1


def test_every_imported_file_has_a_field_of_its_own(
    theirs: Theirs, listener: Listener, tmp_path: Path
):
    theirs.upload(write_photos(tmp_path, 3))
    [(method, path, headers, body)] = listener.heard
    assert (method, path) == ("POST", "/api/projects/7/import")
    assert headers["Authorization"] == "Token secret"
    assert [body.count(f'name="file{n}"'.encode()) for n in range(4)] == [1, 1, 1, 0]


def test_a_page_is_asked_for_with_its_tab_and_in_the_size_of_ours(
    theirs: Theirs, listener: Listener
):
    assert theirs.page(3) == [1, 2]
    theirs.its_own_page()
    place = "view=7&project=7"
    assert asked(listener) == [
        f"GET /api/tasks?page=3&page_size={CHUNK}&{place}",
        f"GET /api/tasks?page=1&page_size=30&{place}",
    ]
    assert PAGE == CHUNK


def test_the_tab_hides_the_columns_that_are_hidden_by_default():
    hidden = tab_of(COLUMNS)["hiddenColumns"]
    assert hidden == {"explore": ["tasks:inner_id"], "labeling": ["tasks:id"]}
    assert key_of(COLUMNS[2]) == "tasks:data.image"


def test_labels_are_given_in_two_requests_in_bulk_and_one_each_one_by_one(
    theirs: Theirs, listener: Listener
):
    theirs.give([4, 5], "cat")
    assert asked(listener) == [
        "POST /api/projects/7/import/predictions",
        "POST /api/dm/actions/?id=predictions_to_annotations&project=7",
    ]
    predicted, action = (json.loads(body) for *_, body in listener.heard)
    assert [each["task"] for each in predicted] == [4, 5]
    assert action["selectedItems"] == {"all": False, "included": [4, 5]}
    listener.heard.clear()
    theirs.give_each([4, 5], "dog")
    assert asked(listener) == [f"POST /api/tasks/{n}/annotations/?project=7" for n in (4, 5)]
    submitted = json.loads(listener.heard[0][-1])
    assert submitted["result"][0]["value"] == {"choices": ["dog"]}


def test_a_refused_request_ends_the_comparison(theirs: Theirs):
    with pytest.raises(RuntimeError, match="404"):
        theirs.client.ask("GET", "/missing")


def test_an_import_that_loses_photos_is_not_timed_as_if_it_had_them_all(
    theirs: Theirs, tmp_path: Path
):
    with pytest.raises(RuntimeError, match="shows 2 of 3"):
        import_all(theirs, write_photos(tmp_path, 3), patience=0)


# --- times -----------------------------------------------------------------------------------


def test_the_ratio_is_theirs_over_ours_of_medians():
    assert Times(ours=[1.0, 9.0, 2.0], theirs=[4.0, 100.0, 3.0]).ratio == 2.0


def test_rounds_alternate_and_warming_up_is_not_counted():
    order: list[tuple[str, int]] = []
    times = interleave(
        lambda number: order.append(("ours", number)),
        lambda number: order.append(("theirs", number)),
        rounds=2,
        warm_ups=1,
    )
    assert [who for who, _ in order] == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert [number for _, number in order] == [0, 0, 1, 1, 2, 2]
    assert len(times.ours) == len(times.theirs) == 2


def test_no_image_is_in_two_blocks_and_too_few_are_refused():
    assert blocks(range(7), 2, 3) == [range(0, 2), range(2, 4), range(4, 6)]
    with pytest.raises(ValueError, match="need more than 7"):
        blocks(range(7), 2, 4)


def test_the_last_page_holds_what_is_left():
    assert [last_page(count) for count in (1, PAGE, PAGE + 1, 2000)] == [1, 1, 2, 9]


def test_labels_that_one_of_them_did_not_take_are_an_error():
    refuse_unequal(4, 4, 4)
    with pytest.raises(RuntimeError, match="Label Studio 3"):
        refuse_unequal(4, 3, 4)


# --- photos and arguments --------------------------------------------------------------------


def test_photos_are_of_500_pixels_and_no_two_the_same(tmp_path: Path):
    source = write_pictures(tmp_path / "source", each=1)
    files = write_photos(tmp_path / "photos", 20, source)
    assert len({file.read_bytes() for file in files}) == 20
    sizes = {Image.open(file).size for file in files}
    assert {max(size) for size in sizes} == {EDGE}


@pytest.mark.parametrize(
    "given",
    [["--photos", "0"], ["--photos", "100"], ["--source", "/no/such/folder"], ["--rounds", "0"]],
)
def test_numbers_that_cannot_be_measured_are_refused(given: list[str]):
    with pytest.raises(SystemExit):
        arguments(given)


def test_the_defaults_are_those_of_the_claim():
    chosen = arguments([])
    assert (chosen.photos, chosen.labeled) == (2000, 100)


# --- processes -------------------------------------------------------------------------------


def test_label_studio_is_started_for_this_machine_only(tmp_path: Path):
    command = command_of(Path("label-studio"), tmp_path, 4711)
    assert command[:2] == ["label-studio", "start"]
    assert command[command.index("--internal-host") + 1] == "127.0.0.1"
    assert command[command.index("--data-dir") + 1] == str(tmp_path)


def test_an_installation_that_fails_tells_what_was_said():
    with pytest.raises(NoPeer, match=r"exit code 3:\s+no such thing"):
        run([sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)"])


def test_without_label_studio_the_exit_code_is_3_and_there_is_no_figure(tmp_path: Path):
    (tmp_path / "file").touch()
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.label_studio", "--venv", tmp_path / "file" / "venv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == EXIT_WITHOUT_PEER
    assert "cannot be measured" in ended.stderr
    assert not ended.stdout


def program(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path):
    peer = LabelStudio(
        program(tmp_path / "broken", "echo no database", "exit 4"), tmp_path / "data"
    )
    with pytest.raises(NoPeer, match=r"code 4:\s+no database"):
        peer.wait()
    peer.end()


def is_running(process: Path) -> bool:
    """Whether it is there, and not merely dead and not yet fetched by who started it."""
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_server_is_ended_with_all_its_processes(tmp_path: Path):
    path = program(tmp_path / "slow", "sleep 300 &", 'echo "$!"', "wait")
    peer = LabelStudio(path, tmp_path / "data")
    while not peer.said:
        assert peer.process.poll() is None
    child = Path("/proc", peer.said)
    assert is_running(child)
    peer.end()
    assert peer.process.poll() is not None
    wait_until(lambda: not is_running(child))


# --- our side, for real ----------------------------------------------------------------------


@pytest.mark.usefixtures("encoder_folder")
def test_ours_imports_shows_and_labels_what_it_is_given(tmp_path: Path):
    photos = write_photos(tmp_path / "photos", 20)
    with our_server(tmp_path / "data") as link:
        ours = Ours(link)
        ours.batch = 8
        ours.make_project(LABELS)
        import_all(ours, photos)
        wait_until_embedded(ours)
        images = all_images(ours, 20)
        assert ours.page(1) == images
        with pytest.raises(IndexError, match="no page 2"):
            ours.page(2)
        ours.give(images[:5], "cat")
        ours.give_each(images[5:7], "dog")
        assert ours.labeled() == 7
        ours.client.close()
