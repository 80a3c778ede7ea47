"""The encoder's section of the settings, changing and cancelling, and what the progress says."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.models import Membership, Project, Reembedding, Role
from projects.services.reembeddings import start
from tests.projects.images import make_images

TAG = "open_clip:ViT-B-32/laion2b_s34b_b79k"


@pytest.fixture
def project(project: Project) -> Project:
    """25 images by the default encoder."""
    make_images(project, 25)
    project.encoder, project.encoder_version = "efficientnet-lite0", "1"
    project.save()
    return project


def url(project: Project, part: str) -> str:
    return f"/projects/{project.pk}/{part}"


def change(client: Client, project: Project, **fields: str):
    return client.post(url(project, "encoder/change"), fields)


def page(client: Client, project: Project) -> str:
    return client.get(url(project, "settings")).content.decode()


def progress(client: Client, project: Project):
    return client.get(url(project, "progress")).json()


def test_the_settings_say_which_encoder_it_is_and_how_many_images_a_change_takes(
    owner_client, project
):
    shown = page(owner_client, project)
    assert "This project uses" in shown
    assert "25 images will be embedded again" in shown
    assert 'value="efficientnet-lite0"' not in shown, "the present one is no change"


def test_a_change_begins_with_who_did_it_and_the_settings_show_how_far_it_is(
    owner_client, owner, project
):
    answer = change(owner_client, project, encoder="other", open_clip=TAG)
    assert answer.status_code == 302
    run = Reembedding.objects.get()
    assert (run.encoder, run.started_by, run.state) == (TAG, owner, "running")
    shown = page(owner_client, project)
    assert f"Re-embedding with {TAG}: loading the encoder" in shown
    Reembedding.objects.update(encoder_version="7")
    assert f"Re-embedding with {TAG}: 0 of 25" in page(owner_client, project)
    assert progress(owner_client, project)["reembedding"] == {
        "encoder": TAG,
        "done": 0,
        "total": 25,
        "failed": 0,
        "is_loading": False,
    }


def test_cancelling_says_that_it_goes_on_there_and_offers_it_again(owner_client, project):
    change(owner_client, project, encoder="other", open_clip=TAG)
    Reembedding.objects.update(encoder_version="7")
    answer = owner_client.post(url(project, "encoder/cancel"), follow=True)
    shown = answer.content.decode()
    assert "goes on where it stopped" in shown
    assert "cancelled at 0 images" in shown
    assert f'value="{TAG}"' in shown
    assert progress(owner_client, project)["reembedding"] is None
    assert change(owner_client, project, encoder=TAG).status_code == 302


def test_cancelling_what_is_over_is_a_conflict(owner_client, project):
    answer = owner_client.post(url(project, "encoder/cancel"))
    assert answer.status_code == 409
    assert "No re-embedding is running any more" in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose an encoder."),
        ({"encoder": "nonsense"}, "not offered"),
        ({"encoder": "efficientnet-lite0"}, "not offered"),
        ({"encoder": "other"}, "Write open_clip:"),
        ({"encoder": "other", "open_clip": "ViT-B-32/openai"}, "Write open_clip:"),
        ({"encoder": "other", "open_clip": "open_clip:ViT-B-32"}, "Write open_clip:"),
        ({"encoder": "other", "open_clip": "open_clip:a/" + "x" * 250}, "at most 255"),
    ],
)
def test_a_bad_choice_is_refused_with_a_sentence(owner_client, project, fields, sentence):
    answer = change(owner_client, project, **fields)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not Reembedding.objects.exists()


def test_a_name_that_was_typed_is_a_choice(owner_client, project):
    assert change(owner_client, project, open_clip=f" {TAG} ").status_code == 302
    assert Reembedding.objects.get().encoder == TAG


def test_a_second_encoder_is_a_conflict_and_the_same_is_none(owner_client, project):
    change(owner_client, project, encoder="other", open_clip=TAG)
    assert change(owner_client, project, encoder="other", open_clip=TAG).status_code == 302
    answer = change(owner_client, project, encoder="other", open_clip="open_clip:a/b")
    assert answer.status_code == 409
    assert "cancel it first" in answer.content.decode()
    assert Reembedding.objects.count() == 1


def test_what_failed_and_who_began_it_stand_in_the_settings(owner_client, owner, project):
    run = start(project, owner, TAG)
    run.end(Reembedding.State.FAILED, problem="The weights are <not> there.")
    shown = page(owner_client, project)
    assert f"Not changed to <strong>{TAG}</strong>. The weights are &lt;not&gt; there." in shown
    assert "by owner" in shown


def test_images_that_were_lost_lead_to_the_failures(owner_client, owner, project):
    run = start(project, owner, TAG)
    run.end(Reembedding.State.DONE, embedded=24, lost=1)
    shown = page(owner_client, project)
    assert "1 could not be read and failed" in shown
    assert f'href="/projects/{project.pk}/?show=failed"' in shown


@pytest.mark.parametrize(
    ("method", "part"), [("get", ""), ("post", "/change"), ("post", "/cancel")]
)
def test_strangers_get_404_the_anonymous_sign_in_and_labelers_are_told_their_role(
    method, part, project, stranger: User, stranger_client
):
    address = url(project, f"encoder{part}")
    answer = getattr(Client(), method)(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")
    assert getattr(stranger_client, method)(address).status_code == 404
    membership = Membership.objects.create(project=project, user=stranger, role=Role.LABELER)
    answer = getattr(stranger_client, method)(address)
    assert answer.status_code == 403
    assert "Your role" in answer.content.decode()
    membership.role = Role.MANAGER
    membership.save()
    assert getattr(stranger_client, method)(address).status_code in {200, 400, 409}


def test_only_managers_see_a_re_embedding(project, owner, stranger, stranger_client):
    start(project, owner, TAG)
    membership = Membership.objects.create(project=project, user=stranger, role=Role.LABELER)
    assert progress(stranger_client, project)["reembedding"] is None
    assert "reembedding-strip" not in stranger_client.get(url(project, "")).content.decode()
    membership.role = Role.MANAGER
    membership.save()
    assert progress(stranger_client, project)["reembedding"]["total"] == 25
    assert "reembedding-strip" in stranger_client.get(url(project, "")).content.decode()


def test_the_section_takes_as_many_queries_after_many_changes_as_after_none(
    owner_client, owner, project, django_assert_num_queries: DjangoAssertNumQueries
):
    with django_assert_num_queries(7):
        owner_client.get(url(project, "encoder"))
    for number in range(8):
        run = start(project, owner, f"open_clip:model/{number}")
        run.end(Reembedding.State.CANCELLED, cancelled_by=owner, encoder_version="1")
    start(project, owner, TAG)
    # Three more are the counts of the one that runs.
    with django_assert_num_queries(10):
        owner_client.get(url(project, "encoder"))
