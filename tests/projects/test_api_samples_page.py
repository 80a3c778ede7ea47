"""The page with code for scripts."""

from __future__ import annotations

import html
import re

from projects.models import Membership, Role
from tests.running import ROOT

SAMPLES = ROOT / "docs" / "api" / "samples"


def codes(page: str) -> list[str]:
    """The text of every sample on the page."""
    found = re.findall(r"<pre class=\"code\" data-form=.*?<code>(.*?)</code>", page, re.DOTALL)
    return [html.unescape(re.sub(r"</?span[^>]*>", "", code)) for code in found]


def test_it_shows_every_sample_with_host_and_project_filled_in(owner_client, project):
    page = owner_client.get(f"/projects/{project.pk}/api", headers={"host": "localhost:8123"})
    values = {"HOST": "http://localhost:8123", "PROJECT": str(project.pk)}
    expected = {
        re.sub(r"\b(HOST|PROJECT)\b", lambda found: values[found[0]], file.read_text().rstrip())
        for file in SAMPLES.iterdir()
    }
    assert len(expected) == 20
    assert set(codes(page.content.decode())) == expected


def test_it_takes_no_token(owner_client, project):
    page = owner_client.get(f"/projects/{project.pk}/api?token=secret-that-came").content.decode()
    assert "secret-that-came" not in page
    assert '<input id="token"' in page
    assert "name=" not in re.search(r'<input id="token"[^>]*>', page)[0]


def test_its_policy_allows_no_inline_script(owner_client, project):
    answer = owner_client.get(f"/projects/{project.pk}/api")
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert not re.search(r"<script>|\sstyle=|\son\w+=", answer.content.decode())


def test_a_viewer_sees_it_a_stranger_does_not_and_nobody_who_is_not_signed_in(
    client, stranger_client, stranger, project
):
    url = f"/projects/{project.pk}/api"
    assert stranger_client.get(url).status_code == 404
    assert client.get(url).status_code == 302
    Membership.objects.create(project=project, user=stranger, role=Role.VIEWER)
    assert stranger_client.get(url).status_code == 200


def test_settings_and_the_project_lead_there(owner_client, project):
    for path in ("", "settings"):
        page = owner_client.get(f"/projects/{project.pk}/{path}").content.decode()
        assert f'href="/projects/{project.pk}/api"' in page


def test_it_takes_a_fixed_number_of_queries(owner_client, project, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        owner_client.get(f"/projects/{project.pk}/api")
