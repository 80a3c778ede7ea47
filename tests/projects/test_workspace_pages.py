"""The project's page and the requests of its modules."""

import json

import pytest
from django.urls import reverse

from projects.models import Act, Image, ImageLabel, Label, Membership, Project, Role
from projects.services.label_list import delete_label
from projects.services.labels import get_or_create_labels, label_images

from .images import make_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def photos(project, owner):
    """Four images, the first two labeled cat."""
    project.photos = make_images(project, 4)
    project.cat, project.dog = get_or_create_labels(project, owner, ["cat", "dog"])
    label_images(project, owner, [image.pk for image in project.photos[:2]], project.cat)
    return project


def post(client, project, path, **body):
    return client.post(
        f"/projects/{project.pk}/{path}", json.dumps(body), content_type="application/json"
    )


GETS = ["", "tiles", "state", "ids"]
POSTS = [
    ("tiles/again", {"show": []}),
    ("images/label", {"images": [], "name": "x"}),
    ("images/clear", {"images": []}),
    ("images/absent", {"images": []}),
    ("images/star", {"images": []}),
    ("images/trash", {"images": []}),
    ("undo", {}),
    ("redo", {}),
    ("labels/add", {"name": "x"}),
    ("labels/order", {"labels": []}),
]


@pytest.mark.parametrize("path", GETS)
def test_a_stranger_finds_no_page_and_anonymous_signs_in(photos, client, stranger_client, path):
    url = f"/projects/{photos.pk}/{path}"
    assert stranger_client.get(url).status_code == 404
    answer = client.get(url)
    assert (answer.status_code, answer.url.split("?")[0]) == (302, reverse("sign-in"))


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_a_stranger_can_do_nothing_and_anonymous_signs_in(
    photos, client, stranger_client, path, body
):
    assert post(stranger_client, photos, path, **body).status_code == 404
    assert post(client, photos, path, **body).status_code == 302


@pytest.mark.parametrize("path", ["edit", "merge", "delete"])
def test_a_stranger_cannot_change_a_label(photos, stranger_client, path):
    answer = post(stranger_client, photos, f"labels/{photos.cat.pk}/{path}", name="x", into=1)
    assert answer.status_code == 404
    assert Label.objects.live().filter(name="cat").exists()


@pytest.mark.parametrize(("path", "body"), POSTS[1:])
def test_a_viewer_sees_all_and_changes_nothing(photos, stranger, stranger_client, path, body):
    Membership.objects.create(project=photos, user=stranger, role=Role.VIEWER)
    page = stranger_client.get(f"/projects/{photos.pk}/")
    assert page.status_code == 200
    assert b"data-give" not in page.content
    acts = Act.objects.count()
    answer = post(stranger_client, photos, path, **body)
    assert answer.status_code == 403
    assert Act.objects.count() == acts


def test_the_page_shows_tiles_labels_and_counts(photos, owner_client):
    page = owner_client.get(f"/projects/{photos.pk}/").content.decode()
    assert page.count('role="option"') == 4
    assert page.count(f'class="chip" data-label="{photos.cat.pk}"') == 2
    assert "Undo: Labeled 2 images as cat" in page


def test_names_and_labels_are_text_never_markup(project, owner, owner_client):
    make_images(project, 1)
    Image.objects.update(name="<b>x</b>.jpg", path='"><script>alert(1)</script>')
    (label,) = get_or_create_labels(project, owner, ["<i>cat</i>"])
    label_images(project, owner, project.images.all(), label)
    page = owner_client.get(f"/projects/{project.pk}/").content.decode()
    assert "<b>x" not in page
    assert "<script>alert" not in page
    assert "<i>cat" not in page


def test_an_empty_project_says_what_to_do(project, owner_client):
    page = owner_client.get(f"/projects/{project.pk}/").content.decode()
    assert "drop photos, a folder or a zip" in page


@pytest.mark.parametrize("query", ["sort=size", "label=77", "since=soon", "show=some"])
def test_a_bad_filter_is_400_with_a_sentence(photos, owner_client, query):
    for path in ("", "tiles"):
        answer = owner_client.get(
            f"/projects/{photos.pk}/{path}?{query}", headers={"Accept": "application/json"}
        )
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("This filter cannot be used.")


def test_chunks_follow_each_other_and_miss_nothing(project, owner_client):
    make_images(project, 500)
    seen, cursor = [], ""
    while True:
        answer = owner_client.get(f"/projects/{project.pk}/tiles?after={cursor}").json()
        seen.append(answer["tiles"].count('role="option"'))
        cursor = answer["next"]
        if not cursor:
            break
    assert seen == [240, 240, 20]


def test_chunks_precede_each_other_from_the_end(project, owner_client):
    make_images(project, 500)
    url = f"/projects/{project.pk}/tiles"
    end = owner_client.get(f"{url}?at=end").json()
    before = owner_client.get(f"{url}?before={end['previous']}").json()
    start = owner_client.get(f"{url}?before={before['previous']}").json()
    assert [each["tiles"].count('role="option"') for each in (start, before, end)] == [20, 240, 240]
    assert (start["previous"], end["next"]) == ("", "")
    behind = owner_client.get(f"{url}?after={start['next']}").json()
    assert behind["tiles"] == before["tiles"]


@pytest.mark.parametrize("query", ["at=start", "at=end&after=x", "before=x", "after=a&before=b"])
def test_a_place_that_is_none_is_400_with_a_sentence(photos, owner_client, query):
    url = f"/projects/{photos.pk}/tiles?{query}"
    answer = owner_client.get(url, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_the_number_of_queries_does_not_grow(
    photos, owner, owner_client, django_assert_max_num_queries, django_assert_num_queries
):
    def queries():
        with django_assert_max_num_queries(40) as found:
            assert owner_client.get(f"/projects/{photos.pk}/").status_code == 200
        return len(found)

    few = queries()
    images = make_images(photos, 300, prefix="more")
    label_images(photos, owner, [image.pk for image in images], photos.dog)
    get_or_create_labels(photos, owner, [f"label {index}" for index in range(40)])
    assert queries() == few <= 14
    with django_assert_num_queries(5):
        assert owner_client.get(f"/projects/{photos.pk}/tiles?show=labeled").status_code == 200
    cursor = owner_client.get(f"/projects/{photos.pk}/tiles").json()["next"]
    for place in ("at=end", f"after={cursor}", f"before={cursor}"):
        with django_assert_num_queries(5):
            url = f"/projects/{photos.pk}/tiles?show=labeled&{place}"
            assert owner_client.get(url).status_code == 200


def test_giving_a_label_answers_with_the_changed_tiles_and_the_new_state(photos, owner_client):
    ids = [image.pk for image in photos.photos]
    answer = post(
        owner_client, photos, "images/label", images=ids[1:], label=photos.cat.pk, show=ids
    ).json()
    assert answer["message"] == "Labeled 2 images as cat"
    assert answer["tiles"].count('role="option"') == 2
    assert answer["state"]["counts"]["labeled"] == 4
    assert answer["state"]["label_counts"][str(photos.cat.pk)] == 4
    assert answer["state"]["undo"] == "Labeled 2 images as cat"


def test_a_key_toggles(photos, owner_client):
    ids = [photos.photos[0].pk, photos.photos[2].pk]
    for number, message in ((3, "Labeled 1 image as cat"), (1, "Took cat from 2 images")):
        answer = post(
            owner_client, photos, "images/label", images=ids, label=photos.cat.pk, mode="toggle"
        ).json()
        assert answer["message"] == message
        assert ImageLabel.objects.filter(label=photos.cat).count() == number


def test_a_new_name_makes_the_label_and_undo_takes_both_back(photos, owner_client):
    body = {"images": [photos.photos[3].pk], "name": "bird"}
    answer = post(owner_client, photos, "images/label", **body).json()
    assert answer["message"] == "Labeled 1 image as bird"
    assert "bird" in answer["state"]["label_rows"]
    post(owner_client, photos, "undo")
    assert not Label.objects.live().filter(name="bird").exists()


def test_all_that_match_but_some_are_labeled_in_one_request(photos, owner_client):
    answer = post(
        owner_client, photos, "images/label", label=photos.dog.pk,
        all=True, filter="show=unlabeled", **{"except": [photos.photos[3].pk]},
    ).json()  # fmt: skip
    assert answer["message"] == "Labeled 1 image as dog"


def test_the_rows_of_the_list_come_only_when_they_changed(photos, owner_client):
    state = owner_client.get(f"/projects/{photos.pk}/state").json()
    again = owner_client.get(
        f"/projects/{photos.pk}/state?labels_shown={state['label_list_version']}"
    ).json()
    assert "cat" in state["label_rows"]
    assert again["label_rows"] is None


def test_undo_survives_and_redo_too(photos, owner_client):
    assert post(owner_client, photos, "undo").json()["message"] == "Undid: Labeled 2 images as cat"
    state = owner_client.get(f"/projects/{photos.pk}/state").json()
    assert (state["undo"], state["redo"]) == ("", "Labeled 2 images as cat")
    assert post(owner_client, photos, "redo").json()["state"]["counts"]["labeled"] == 2
    assert post(owner_client, photos, "redo").json()["message"] == "Nothing to redo"


def test_deleting_a_label_that_the_page_filters_by_is_still_answered(photos, owner_client):
    shown = f"label={photos.cat.pk}"
    answer = post(owner_client, photos, f"labels/{photos.cat.pk}/delete", filter_shown=shown)
    assert answer.json()["message"] == "Deleted the label cat; 2 images lost it"


def test_the_list_of_labels_is_changed_one_act_each(photos, owner_client):
    cat, dog = photos.cat, photos.dog
    for path, body, message in [
        ("labels/add", {"name": "bird"}, "Added the label bird"),
        (f"labels/{cat.pk}/edit", {"name": "kitty"}, "Renamed cat to kitty"),
        (f"labels/{cat.pk}/edit", {"color": "#123456"}, "Changed the color of kitty"),
        (f"labels/{dog.pk}/edit", {"key": "1"}, "Gave dog the key 1"),
        ("labels/order", {"labels": [dog.pk, cat.pk]}, "Changed the order of the labels"),
        (f"labels/{cat.pk}/merge", {"into": dog.pk}, "Merged kitty into dog (2 images)"),
    ]:
        assert post(owner_client, photos, path, **body).json()["message"] == message
    while post(owner_client, photos, "undo").json()["act"]:
        pass
    assert list(Label.objects.live().values_list("name", "key")) == [("cat", "1"), ("dog", "2")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("images/label", {"images": ["x"], "name": "y"}),
        ("images/label", {"images": [], "label": "x"}),
        ("images/label", {"images": [], "name": 3}),
        ("images/label", {"images": [], "name": "y", "mode": "some"}),
        ("images/label", {"name": "y"}),
        ("images/label", {"images": [], "name": " "}),
        ("tiles/again", {"show": "x"}),
        ("images/absent", {"images": ["x"]}),
        ("images/absent", {}),
        ("labels/add", {}),
        ("labels/order", {"labels": None}),
    ],
)
def test_bad_requests_are_400_with_a_sentence(photos, owner_client, path, body):
    answer = post(owner_client, photos, path, **body)
    assert answer.status_code == 400
    assert post(owner_client, photos, path, **body).content


def test_a_body_that_is_no_json_object_is_400(photos, owner_client):
    for body in ("", "[]", "{", "\xff", '{"show": ["x"]}'):
        url = f"/projects/{photos.pk}/undo"
        before = Act.objects.count()
        answer = owner_client.post(url, body, content_type="application/json")
        assert answer.status_code == 400
        assert Act.objects.count() == before


def test_somebody_elses_label_is_404(photos, stranger, owner_client):
    other = Project.objects.create(name="Theirs", owner=stranger)
    (theirs,) = get_or_create_labels(other, stranger, ["secret"])
    ids = [photos.photos[0].pk]
    answer = post(owner_client, photos, "images/label", images=ids, label=theirs.pk)
    assert answer.status_code == 404


def test_deleted_images_leave_the_grid_and_come_back(photos, owner_client):
    ids = [image.pk for image in photos.photos]
    answer = post(owner_client, photos, "images/trash", images=ids[:3], show=ids).json()
    assert (answer["message"], answer["gone"]) == ("Deleted 3 images", ids[:3])
    assert answer["state"]["counts"]["images"] == 1
    back = post(owner_client, photos, "undo", show=ids).json()
    assert back["tiles"].count('role="option"') == 3


def test_ids_between_two_images_also_of_chunks_not_loaded(project, owner_client):
    ids = [image.pk for image in make_images(project, 500)]
    url = f"/projects/{project.pk}/ids"
    assert owner_client.get(f"{url}?from={ids[3]}&to={ids[1]}").json()["images"] == ids[1:4]
    assert owner_client.get(f"{url}?from={ids[300]}").json()["images"] == ids[300:]
    assert owner_client.get(f"{url}?from=x").status_code == 400


def test_the_large_view_says_who_labeled_an_image_and_when(
    photos, owner, owner_client, stranger_client
):
    url = f"/projects/{photos.pk}/images/{photos.photos[0].pk}/details"
    html = owner_client.get(url).content.decode()
    assert "owner gave <b>cat</b>" in html
    assert "400 × 300 px" in html
    assert stranger_client.get(url).status_code == 404
    delete_label(photos, owner, photos.cat)
    assert "owner took <b>cat</b>" in owner_client.get(url).content.decode()


def test_the_rest_of_the_labels_is_marked_as_absent_and_undo_takes_it_back(photos, owner_client):
    photos.multi_label = True
    photos.save()
    ids = [image.pk for image in photos.photos]
    large = f"/projects/{photos.pk}/images/{ids[0]}/details"
    answer = post(owner_client, photos, "images/absent", images=ids).json()
    assert answer["message"] == "Marked the rest of the labels as absent on 4 images"
    assert "Not on it: dog" in owner_client.get(large).content.decode()
    again = post(owner_client, photos, "images/absent", images=ids).json()
    assert again["message"] == "All labels of these images are known already"
    assert post(owner_client, photos, "undo").json()["act"]
    assert "Not on it" not in owner_client.get(large).content.decode()


def test_marking_absent_is_for_several_labels_an_image(photos, owner_client):
    answer = post(owner_client, photos, "images/absent", images=[photos.photos[0].pk])
    assert answer.status_code == 400
    assert "absent anyway" in answer.content.decode()
