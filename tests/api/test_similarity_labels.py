"""POST /api/similarity-labels: four bodies, its parameters, and what it saves."""

from __future__ import annotations

import base64
import json

import pytest

from projects.models import Act, Image, ImageLabel
from projects.services.undo import undo
from tests.drawings import picture_bytes

from .conftest import Script, token_of, upload

PATHS = [
    f"/{root}/{name}{slash}"
    for root in ("api", "rs/api")
    for name in ("similarity-labels", "similarity-labeling")
    for slash in ("", "/")
]
ASK = "/api/similarity-labels?project={}"
NEW = picture_bytes("red circle", 77)


def ask(script: Script, project, content: bytes = NEW, **parameters):
    query = "".join(f"&{name.replace('_', '-')}={value}" for name, value in parameters.items())
    return script.bytes(ASK.format(project.pk) + query, content)


@pytest.mark.parametrize("path", PATHS)
def test_every_address_of_it_answers(script, drawn, path):
    answer = script.bytes(f"{path}?project={drawn.pk}", NEW)
    assert answer.status_code == 200
    assert answer.json()[0]["label"] == "red circle"


def test_labels_come_best_first_with_scores_in_percent(script, drawn):
    suggestions = ask(script, drawn, threshold=0).json()
    scores = [each["score"] for each in suggestions]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 100 for score in scores)
    assert set(suggestions[0]) == {"label", "score"}


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "image/jpeg", "application/x-www-form-urlencoded", ""]
)
def test_the_bytes_of_an_image_are_taken_whatever_the_content_type_says(script, drawn, kind):
    assert script.bytes(ASK.format(drawn.pk), NEW, kind).json()[0]["label"] == "red circle"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/plain;charset=utf-8", ""])
def test_json_is_taken_whatever_the_content_type_says(script, drawn, kind):
    body = json.dumps({"imageName": "red-circle-000.jpg"})
    answer = script.bytes(ASK.format(drawn.pk), body.encode(), kind)
    assert answer.json()[0]["label"] == "red circle"


def test_the_same_image_gives_the_same_answer_in_each_form(script, drawn):
    name = "red-circle-000.jpg"
    stored = script.get(f"/api/image/{drawn.pk}/{name}")
    content = b"".join(stored.streaming_content)
    by_bytes = ask(script, drawn, content, threshold=0).json()
    by_name = script.send(f"{ASK.format(drawn.pk)}&threshold=0", {"imageName": name}).json()
    coded = base64.b64encode(content).decode()
    by_base64 = script.send(f"{ASK.format(drawn.pk)}&threshold=0", {"base64": coded}).json()
    assert by_bytes == by_name == by_base64


BASE64 = base64.b64encode(NEW).decode()


@pytest.mark.parametrize(
    "text",
    [
        BASE64,
        f"data:image/jpeg;base64,{BASE64}",
        "\n".join(BASE64[i : i + 76] for i in range(0, len(BASE64), 76)),
        f"  {BASE64}\r\n",
        BASE64.replace("+", "-").replace("/", "_"),
        BASE64.rstrip("="),
    ],
    ids=["plain", "data-uri", "lines", "space", "url-safe", "unpadded"],
)
def test_base64_of_any_kind_is_read(script, drawn, text):
    answer = script.send(ASK.format(drawn.pk), {"base64": text})
    assert answer.json()[0]["label"] == "red circle"


def test_an_image_is_never_its_own_hit_by_name_or_by_its_bytes(script, drawn, drawn_pictures):
    name = "red-circle-000.jpg"
    explained = f"{ASK.format(drawn.pk)}&explain=true"
    by_name = script.send(explained, {"imageName": name}).json()
    by_bytes = script.bytes(explained, (drawn_pictures / "red circle" / name).read_bytes()).json()
    assert name not in [hit["image"] for hit in by_name["hits"] + by_bytes["hits"]]


def test_explain_gives_the_evidence_and_no_saved_name(script, drawn):
    answer = ask(script, drawn, explain="true", limit=3).json()
    assert len(answer["hits"]) == 3
    assert answer["hits"][0]["labels"] == ["red circle"]
    similarities = [hit["similarity"] for hit in answer["hits"]]
    assert similarities == sorted(similarities, reverse=True)
    assert answer["saved"] is None
    assert answer["suggestions"] == ask(script, drawn, limit=3).json()


def test_the_threshold_is_on_the_labels_score_and_30_if_empty(script, drawn):
    everything = ask(script, drawn, threshold=0, limit=24).json()
    for threshold in (5, 30, 99.5):
        expected = [each for each in everything if each["score"] >= threshold]
        assert ask(script, drawn, threshold=threshold, limit=24).json() == expected
    empty = ask(script, drawn, threshold="", limit=24).json()
    assert empty == [each for each in everything if each["score"] >= 30]


def test_use_first_gives_only_the_best_label_whatever_the_threshold(script, drawn):
    best = ask(script, drawn, threshold=0).json()[:1]
    assert ask(script, drawn, use_first="True", threshold=100).json() == best
    assert ask(script, drawn, use_first="False", threshold=100).json() == []


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1"])
def test_booleans_are_read_in_any_case(script, drawn, value):
    assert "hits" in ask(script, drawn, explain=value).json()


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("threshold=10,5", "bad_threshold", "comma"),
        ("threshold=101", "bad_threshold", "0 to 100"),
        ("threshold=-1", "bad_threshold", "0 to 100"),
        ("threshold=nan", "bad_threshold", "0 to 100"),
        ("threshold=inf", "bad_threshold", "0 to 100"),
        (f"threshold={'9' * 10_000}", "bad_threshold", "10,000 characters"),
        (f"threshold=0.{'9' * 10_000}", "bad_threshold", "10,002 characters"),
        ("limit=0", "bad_limit", "1 to 100"),
        ("limit=101", "bad_limit", "1 to 100"),
        ("limit=1.5", "bad_limit", "whole number"),
        (f"limit={'9' * 10_000}", "bad_limit", "10,000 characters"),
        ("save=yes", "bad_save", "true or false"),
        ("use-first=2", "bad_use_first", "true or false"),
        ("explain=%00", "bad_explain", "true or false"),
    ],
)
def test_a_bad_parameter_is_named_with_what_would_be_good(script, drawn, query, code, said):
    answer = script.bytes(f"{ASK.format(drawn.pk)}&{query}", NEW)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("number", "status"),
    [("", 400), ("abc", 400), ("-1", 400), ("0", 404), ("987654321", 404), ("9" * 10_000, 404)],
)
def test_a_project_that_is_none_is_said_so(script, drawn, number, status):
    answer = script.bytes(f"/api/similarity-labels?project={number}", NEW)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "code"}


def test_a_project_without_labels_says_what_to_do(script, project, encoder_folder):
    answer = ask(script, project)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_labeled_images")


def test_nothing_is_stored_without_save(script, drawn):
    before = Image.objects.count(), ImageLabel.objects.count(), Act.objects.count()
    ask(script, drawn, save="False")
    assert (Image.objects.count(), ImageLabel.objects.count(), Act.objects.count()) == before


def test_save_adds_the_image_with_the_returned_labels_and_its_embedding(script, drawn, owner):
    answer = ask(script, drawn, save="true", explain="true").json()
    image = Image.objects.get(project=drawn, name=answer["saved"])
    assert image.name == f"{image.content_hash[:16]}.jpg"
    assert (image.state, image.embedding_state, image.is_labeled) == ("dataset", "embedded", True)
    given = image.image_labels.get()
    assert (given.label.name, given.source, given.labeled_by) == ("red circle", "api", owner)
    assert given.score == answer["suggestions"][0]["score"]
    assert image.embeddings.count() == 1
    # It is a hit from now on.
    near = ask(script, drawn, picture_bytes("red circle", 78), explain="true", limit=24).json()
    assert image.name in [hit["image"] for hit in near["hits"]]


def test_saved_labels_can_be_undone(script, drawn, owner):
    ask(script, drawn, save="true", image_name="new.jpg")
    undo(drawn, owner)
    assert not Image.objects.get(name="new.jpg").is_labeled


def test_save_uses_the_name_that_is_given_and_another_if_it_is_taken(script, drawn):
    for expected in ("shelf/new.jpg", "shelf/new (2).jpg"):
        seed = 70 + len(expected)
        answer = ask(
            script, drawn, picture_bytes("blue square", seed), save=1, explain=1,
            image_name="shelf%2Fnew.jpg",
        )  # fmt: skip
        assert answer.json()["saved"] == expected


def test_save_labels_the_image_there_is_with_these_bytes(script, drawn, owner):
    upload(drawn, owner, [("unlabeled.jpg", NEW)])
    answer = ask(script, drawn, save="true", explain="true", image_name="other.jpg").json()
    assert answer["saved"] == "unlabeled.jpg"
    assert Image.objects.get(name="unlabeled.jpg").image_labels.get().label.name == "red circle"
    assert Image.objects.filter(project=drawn).count() == 25


def test_save_labels_the_named_image(script, drawn, owner):
    upload(drawn, owner, [("unlabeled.jpg", NEW)])
    script.send(f"{ASK.format(drawn.pk)}&save=true", {"imageName": "unlabeled.jpg"})
    assert Image.objects.get(name="unlabeled.jpg").is_labeled


def test_save_without_a_label_above_the_threshold_adds_the_image_unlabeled(script, drawn):
    ask(script, drawn, save="true", threshold=100, image_name="new.jpg")
    assert not Image.objects.get(name="new.jpg").is_labeled


def test_save_needs_a_token_that_may_write(owner, drawn):
    answer = ask(Script(token_of(owner, "predict")), drawn, save="true")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_too_low")
    assert Image.objects.filter(project=drawn).count() == 24


def test_a_label_runs_nothing_in_a_page_that_shows_the_answer_as_html(script, drawn, owner):
    drawn.labels.filter(name="red circle").update(name="<img src=x onerror=alert(1)>&amp;")
    answer = ask(script, drawn)
    assert b"<" not in answer.content
    assert b"&" not in answer.content
    assert answer.json()[0]["label"] == "<img src=x onerror=alert(1)>&amp;"


def test_the_answer_says_how_long_its_parts_took(script, drawn):
    timing = ask(script, drawn)["Server-Timing"]
    assert all(part in timing for part in ("decode;dur=", "embed;", "search;", "vote;"))
