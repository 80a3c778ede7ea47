"""Collections in files that processes share: what one writes counts in the other's next answer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from projects.models import Embedding, Image, Project
from projects.services import collections, index_choice, indexes, purge
from projects.services.projects import KEPT_FOR, purge_deleted_projects
from tests.conftest import ROOT
from tests.reviews import ENCODER, make_image, make_label, near, put_label, take_labels

pytestmark = pytest.mark.django_db

OTHER = """
import json, sys
import django
django.setup()
from projects.models import Embedding, Image, Project
from projects.services import collections, indexes
from tests.reviews import give_vector, put_label

def answer(project):
    project = Project.objects.get(pk=project)
    whole, labeled = collections.collection(project), collections.labeled(project)
    index = indexes.labeled_index(project)
    found = index.search(whole.centered(slice(0, 1)), k=3)
    return {
        "all": whole.image_ids.tolist(),
        "labeled": labeled.image_ids.tolist(),
        "found": found.image_ids[0].tolist(),
        "token": collections._kept[project.pk].stored.head.token,
    }

def embed(image, vector):
    import numpy as np
    give_vector(Image.objects.get(pk=image), np.array(vector))
    collections.collection(Image.objects.get(pk=image).project)

def label(image, label):
    from projects.models import Label
    put_label(Image.objects.get(pk=image), Label.objects.get(pk=label))

for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(globals()[name](*arguments)), flush=True)
"""


class Other:
    """Another process of the application, on the same database and the same data folder."""

    def __init__(self) -> None:
        database = connection.settings_dict["NAME"]
        environment = os.environ | {
            "LABELING_DATA": str(settings.DATA_FOLDER),
            "DATABASE_URL": f"sqlite:///{database}",
            "DJANGO_SETTINGS_MODULE": "labeling.settings",
        }
        command = [sys.executable, "-c", OTHER]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, *question: object):
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture
def other(transactional_db: None) -> Iterator[Other]:
    if connection.vendor != "sqlite":
        pytest.skip("the other process is given the address of an SQLite database")
    process = Other()
    yield process
    process.end()


def asked(project: Project) -> Project:
    return Project.objects.get(pk=project.pk)


def files(project: Project) -> list[Path]:
    return list(collections.folder_of(project).glob("*.vectors"))


def assert_right(project: Project) -> None:
    """The collection is what the database holds, and its neighbours those of a plain search."""
    project = asked(project)
    made = collections.collection(project)
    rows = Embedding.objects.filter(
        project=project, encoder=project.encoder, encoder_version=project.encoder_version
    ).order_by("id")
    assert made.image_ids.tolist() == [row.image_id for row in rows]
    plain = np.array([np.frombuffer(row.vector, "<f4") for row in rows])
    np.testing.assert_array_equal(made.vectors, plain)


def test_a_label_given_by_another_process_counts_in_the_next_answer(
    project: Project, other: Other
) -> None:
    rng = np.random.default_rng(0)
    cat = make_label(project, "cat")
    images = [make_image(project, near(0, rng)) for _ in range(6)]
    put_label(images[1], cat)
    assert collections.labeled(asked(project)).image_ids.tolist() == [images[1].pk]
    assert other.ask("answer", project.pk)["labeled"] == [images[1].pk]
    other.ask("label", images[4].pk, cat.pk)
    index = indexes.labeled_index(asked(project))
    whole = collections.collection(asked(project))
    found = index.search(whole.centered(whole.rows([images[4].pk])), k=1)
    assert found.image_ids.tolist() == [[images[4].pk]]
    take_labels(images[1])
    assert other.ask("answer", project.pk)["labeled"] == [images[4].pk]


def test_an_embedding_written_by_another_process_is_read_from_its_file(
    project: Project, other: Other, django_assert_num_queries
) -> None:
    rng = np.random.default_rng(1)
    first = [make_image(project, near(0, rng)) for _ in range(5)]
    assert_right(project)
    late = make_image(project)
    other.ask("embed", late.pk, near(1, rng).tolist())
    with django_assert_num_queries(2):  # the project, and how many embeddings there are
        whole = collections.collection(asked(project))
    assert whole.image_ids.tolist() == [image.pk for image in [*first, late]]
    assert_right(project)
    answer = other.ask("answer", project.pk)
    assert answer["all"] == whole.image_ids.tolist()
    assert files(project)[0].name.startswith(answer["token"])


def test_both_processes_map_one_file(project: Project, other: Other) -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        make_image(project, near(0, rng))
    token = other.ask("answer", project.pk)["token"]
    collections.collection(asked(project))
    assert collections._kept[project.pk].stored.head.token == token
    assert len(files(project)) == 1


def test_files_may_be_deleted_at_any_time(project: Project) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        make_image(project, near(0, rng))
    before = collections.collection(asked(project))
    copy = before.vectors.copy()
    shutil.rmtree(settings.DATA_FOLDER / "cache")
    np.testing.assert_array_equal(before.vectors, copy)
    make_image(project, near(1, rng))
    assert_right(project)
    assert len(files(project)) == 1


@pytest.mark.parametrize("part", ["head.json", "*.vectors", "*.ids"])
def test_a_damaged_file_is_made_anew(project: Project, part: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        make_image(project, near(0, rng))
    assert_right(project)
    next(collections.folder_of(project).glob(part)).write_bytes(b"{")
    collections.forget()
    assert_right(project)


def test_a_file_of_an_older_copy_of_the_database_is_not_believed(project: Project) -> None:
    rng = np.random.default_rng(5)
    images = [make_image(project, near(0, rng)) for _ in range(5)]
    assert_right(project)
    # As many, up to the same id, but not the same: what putting back a copy may lead to.
    vector = near(3, rng).astype("<f4").tobytes()
    Embedding.objects.filter(image=images[-1]).update(vector=vector)
    collections.forget()
    project.raise_revision()
    assert_right(project)


def test_a_project_of_the_same_number_in_another_database_has_other_files(
    project: Project,
) -> None:
    rng = np.random.default_rng(6)
    make_image(project, near(0, rng))
    token = files_token(project)
    Project.objects.filter(pk=project.pk).update(created_at=timezone.now() + timedelta(days=1))
    collections.forget()
    assert_right(project)
    assert files_token(project) != token


def files_token(project: Project) -> str:
    collections.collection(asked(project))
    return collections._kept[project.pk].stored.head.token


def test_another_encoder_has_files_of_its_own_and_going_back_reads_nothing(
    project: Project,
) -> None:
    rng = np.random.default_rng(7)
    images = [make_image(project, near(0, rng)) for _ in range(4)]
    token = files_token(project)
    Project.objects.filter(pk=project.pk).update(encoder_version="2")
    project = asked(project)
    project.raise_revision()
    assert len(collections.collection(project)) == 0
    for image in images:
        vector = (np.ones(8) / np.sqrt(8)).astype("<f4").tobytes()
        Embedding.objects.create(
            image=image,
            project=project,
            encoder=project.encoder,
            encoder_version="2",
            vector=vector,
        )
    project.raise_revision()
    assert collections.collection(project).vectors.shape == (4, 8)
    Project.objects.filter(pk=project.pk).update(encoder_version=ENCODER[1])
    project = asked(project)
    project.raise_revision()
    assert files_token(project) == token
    assert_right(project)


def test_deleted_images_are_in_no_file_after_their_purge(project: Project) -> None:
    rng = np.random.default_rng(8)
    cat = make_label(project, "cat")
    images = [make_image(project, near(0, rng), cat) for _ in range(5)]
    assert_right(project)
    old = timezone.now() - purge.TRASH_KEPT_FOR - timedelta(days=1)
    Image.objects.filter(pk=images[2].pk).update(state=Image.State.TRASH, trashed_at=old)
    assert purge.purge_trash() == 1
    assert files(project) == []
    assert_right(project)
    kept = [image.pk for image in images if image is not images[2]]
    assert collections.labeled(asked(project)).image_ids.tolist() == kept


def test_files_go_with_their_project_and_stay_with_others(project: Project) -> None:
    rng = np.random.default_rng(9)
    make_image(project, near(0, rng))
    gone = Project.objects.create(name="Gone", owner=project.owner)
    make_image(gone, near(0, rng))
    for each in (project, gone):
        collections.collection(asked(each))
    Project.objects.filter(pk=gone.pk).update(
        deleted_at=timezone.now() - KEPT_FOR - timedelta(days=1)
    )
    assert purge_deleted_projects() == 1
    collections.remove_unused()
    assert files(project)
    assert not (settings.DATA_FOLDER / "cache" / "collections" / str(gone.pk)).exists()


def test_files_of_an_encoder_go_when_its_last_vector_does(project: Project) -> None:
    rng = np.random.default_rng(10)
    make_image(project, near(0, rng))
    collections.collection(asked(project))
    old = collections.folder_of(asked(project))
    Project.objects.filter(pk=project.pk).update(encoder_version="2")
    collections.remove_unused()
    assert old.exists(), "its vectors are still there, for going back"
    Embedding.objects.filter(project=project).delete()
    collections.remove_unused()
    assert not old.exists()


def test_a_label_given_reads_no_embedding_and_keeps_the_index(
    project: Project, django_assert_num_queries
) -> None:
    rng = np.random.default_rng(11)
    cat, dog = make_label(project, "cat"), make_label(project, "dog")
    images = [make_image(project, near(0, rng), cat) for _ in range(4)]
    plain = make_image(project, near(0, rng))
    index = indexes.labeled_index(asked(project))
    put_label(images[0], dog)
    now = asked(project)
    with django_assert_num_queries(2):  # how many embeddings there are, and which are labeled
        assert indexes.labeled_index(now) is index, "the same images are labeled"
    put_label(plain, dog)
    now = asked(project)
    with django_assert_num_queries(2):
        assert len(indexes.labeled_index(now)) == 5


@pytest.mark.parametrize("name", ["auto", "exact", "hnswlib"])
def test_the_index_is_chosen_by_the_setting_and_exact_where_it_cannot_be_had(
    project: Project, settings, monkeypatch, name: str
) -> None:
    make_image(project, near(0, np.random.default_rng(12)), make_label(project, "cat"))
    settings.LABELING_INDEX = name
    monkeypatch.setattr(index_choice, "HNSWLIB_AT_LEAST", 0)
    monkeypatch.setitem(indexes.MAKERS, "hnswlib", lambda project, searched: None)
    indexes._kept.clear()
    assert indexes.labeled_index(asked(project)).name == "exact"


def test_the_size_chooses_where_nobody_did(project: Project, monkeypatch) -> None:
    class Another(indexes.ExactIndex):
        name = "another"

    cat = make_label(project, "cat")
    rng = np.random.default_rng(13)
    make_image(project, near(0, rng), cat)
    monkeypatch.setitem(
        indexes.MAKERS, "another", lambda project, searched: Another(searched.searched)
    )
    monkeypatch.setattr(index_choice, "BY_SIZE", ((0, "exact"), (2, "another")))
    assert indexes.labeled_index(asked(project)).name == "exact"
    make_image(project, near(0, rng), cat)
    assert indexes.labeled_index(asked(project)).name == "another"
