"""Both ends of a long grid: jumping there, and loading upwards from the end."""

import random

from playwright.sync_api import expect

from .workspace import Workspace

MANY = 1300


def press(w: Workspace, *keys: str) -> None:
    w.page.locator("#grid").focus()
    for key in keys:
        w.page.keyboard.press(key)


def requests(w: Workspace) -> list[str]:
    """The chunks that are asked for from now on."""
    seen: list[str] = []
    w.page.on(
        "request", lambda request: seen.append(request.url) if "/tiles?" in request.url else None
    )
    return seen


def top_of(w: Workspace, index: int) -> float:
    box = w.tile(index).bounding_box()
    assert box
    return box["y"]


def scroll_up(w: Workspace, pixels: int = 800) -> None:
    w.page.locator("#images").evaluate("(scroller, by) => { scroller.scrollTop -= by }", pixels)


def columns(w: Workspace) -> int:
    script = "grid => Number(grid.style.getPropertyValue('--columns'))"
    return int(w.page.locator("#grid").evaluate(script))


def position(w: Workspace) -> str:
    return w.page.locator("#position [data-seen]").inner_text()


def test_end_shows_the_last_image_of_all_with_one_request_and_home_the_first(workspace: Workspace):
    w = workspace.open(images=MANY)
    asked = requests(w)
    press(w, "End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    assert w.selected() == [MANY - 1]
    assert "at=end" in asked[0]
    assert not [url for url in asked if "after=" in url]
    expect(w.tile(MANY - 1)).to_have_attribute("aria-posinset", str(MANY))
    press(w, "Home")
    expect(w.tile(0)).to_be_in_viewport()
    assert w.selected() == [0]


def test_buttons_lead_to_both_ends_and_say_where_one_is(workspace: Workspace):
    w = workspace.open(images=MANY)
    assert position(w).startswith("1–")
    w.page.get_by_role("button", name="Last", exact=True).click()
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    assert position(w).endswith("–1,300 of 1,300")
    w.page.get_by_role("button", name="First", exact=True).click()
    expect(w.tile(0)).to_be_in_viewport()
    assert position(w).startswith("1–")


def test_a_list_that_fits_the_window_needs_no_way_to_its_ends(workspace: Workspace):
    w = workspace.open(images=6)
    expect(w.page.locator("#position")).to_be_hidden()


def test_scrolling_up_from_the_end_meets_every_image_once_in_order(workspace: Workspace):
    w = workspace.open(images=MANY)
    press(w, "End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    met: dict[int, int] = {}
    for _ in range(MANY // columns(w)):
        expect(w.page.locator("#grid .blank:visible")).to_have_count(0)
        met |= dict(w.page.locator("#grid .tile").evaluate_all(PLACES))
        scroll_up(w)
        if w.tile(0).count():
            break
    met |= dict(w.page.locator("#grid .tile").evaluate_all(PLACES))
    assert [met[pk] for pk in w.made["images"]] == list(range(1, MANY + 1))


PLACES = "tiles => tiles.map(tile => [Number(tile.dataset.id), Number(tile.ariaPosInSet)])"


def test_what_is_loaded_above_moves_nothing_that_is_seen(workspace: Workspace):
    w = workspace.open(images=MANY)
    press(w, "End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    height = w.page.locator("#grid").evaluate("grid => grid.offsetHeight")
    for _ in range(12):
        scroll_up(w, 3000)
        assert abs(w.page.evaluate(MOVED_WHILE_LOADING)) < 1
    expect(w.page.locator("#grid .blank")).to_have_count(0)
    assert w.page.locator("#grid").evaluate("grid => grid.offsetHeight") > height


MOVED_WHILE_LOADING = """async () => {
  const frames = async (number) => {
    for (; number; number -= 1) await new Promise(requestAnimationFrame);
  };
  const grid = document.querySelector('#grid');
  const loading = document.querySelector('#sentinel-before [data-loading]');
  const isSeen = (tile) => tile.getBoundingClientRect().top > 300;
  const cell = [...grid.querySelectorAll('.tile')].find(isSeen);
  await frames(2);
  if (!cell?.isConnected) return 0;
  const top = cell.getBoundingClientRect().top;
  while (!loading.hidden) await frames(1);
  await frames(2);
  return cell.isConnected ? cell.getBoundingClientRect().top - top : 0;
}"""


def test_a_range_reaches_from_the_start_to_the_end_over_images_never_loaded(workspace: Workspace):
    w = workspace.open(images=MANY)
    w.tile(10).click()
    press(w, "Shift+End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    expect(w.page.locator("#selection-count")).to_have_text("1,290 selected")
    w.page.keyboard.press("Shift+ArrowLeft")
    expect(w.page.locator("#selection-count")).to_have_text("1,289 selected")
    press(w, "Shift+Home")
    expect(w.tile(0)).to_be_in_viewport()
    expect(w.page.locator("#selection-count")).to_have_text("11 selected")


def test_a_click_with_shift_selects_from_the_other_end(workspace: Workspace):
    w = workspace.open(images=MANY)
    w.tile(3).click()
    w.page.get_by_role("button", name="Last", exact=True).click()
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    w.tile(MANY - 1).click(modifiers=["Shift"])
    expect(w.page.locator("#selection-count")).to_have_text("1,297 selected")


def test_arrows_go_on_above_what_is_loaded(workspace: Workspace):
    w = workspace.open(images=MANY)
    press(w, "End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    for _ in range(MANY // columns(w)):  # a page is one row at least
        w.page.keyboard.press("PageUp")
        if position(w).startswith("1–"):
            break
    w.page.keyboard.press("PageUp")
    expect(w.tile(0)).to_be_in_viewport()
    assert w.selected() == [0]


def test_keys_pressed_while_the_end_is_loading_mean_the_images_there(workspace: Workspace):
    w = workspace.open(images=MANY, labels=["cat"])
    w.tile(2).click()
    press(w, "End", "ArrowLeft", "Space")
    large = w.page.locator(".large-view")
    expect(large.locator(".place")).to_have_text("1,299 of 1,300")
    w.page.keyboard.press("ArrowLeft")
    expect(large.locator(".place")).to_have_text("1,298 of 1,300")


def test_images_at_the_end_are_labeled_and_the_act_is_undone(workspace: Workspace):
    w = workspace.open(images=MANY, labels=["cat"])
    press(w, "End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    w.page.keyboard.press("1")
    expect(w.chips(MANY - 1)).to_have_text(["cat"])
    w.page.keyboard.press("Control+z")
    expect(w.chips(MANY - 1)).to_have_count(0)


def test_a_deleted_image_comes_back_at_the_end_where_it_was(workspace: Workspace):
    w = workspace.open(images=MANY)
    press(w, "End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    w.page.keyboard.press("Delete")
    expect(w.tile(MANY - 1)).to_have_count(0)
    assert position(w).endswith("–1,299 of 1,299")
    w.page.keyboard.press("Control+z")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    expect(w.tile(MANY - 1)).to_have_attribute("aria-posinset", str(MANY))


def test_images_that_arrive_behind_the_last_one_are_appended_at_the_end(workspace: Workspace):
    w = workspace.open(images=MANY)
    press(w, "End")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    came = w.seeder.ask("add_images", project=w.made["project"], number=3, prefix="zebra")
    w.page.evaluate("document.dispatchEvent(new CustomEvent('images-changed'))")
    expect(w.page.locator(f"#tile-{came['images'][-1]}")).to_be_attached()
    assert w.selected() == [MANY - 1]


def test_a_chunk_that_fails_above_can_be_tried_again(workspace: Workspace, problems):
    problems.forgive("before=")
    w = workspace.open(images=MANY)
    w.page.route("**/tiles?*before=*", lambda route: route.abort())
    press(w, "End")
    again = w.page.locator("#sentinel-before [data-try-again]")
    expect(w.tile(MANY - 1)).to_be_in_viewport()
    scroll_up(w, 7000)
    expect(again).to_be_in_viewport()
    w.page.unroute("**/tiles?*before=*")
    again.click()
    expect(again).to_be_hidden()
    expect(w.page.locator("#grid .blank")).to_have_count(0)


RUN = """([start, steps]) => import('/static/js/run.js').then(({ Run }) => {
  const run = new Run();
  run.startAt(start);
  for (const [act, value] of steps) {
    if (act === 'remove') run.remove(new Set(value));
    else run[act](value);
  }
  const ids = run.slice(run.first - 5, run.end + 5);
  return { first: run.first, end: run.end, length: run.length, ids,
    places: ids.map(id => run.placeOf(id)), at: ids.map((_, index) => run.at(run.first + index)),
    nowhere: [run.placeOf(-1), run.at(run.first - 1) ?? null, run.at(run.end) ?? null] };
})"""


def plainly(start: int, steps: list[tuple[str, object]]) -> dict[str, object]:
    """What a run must be: a list that is made anew by every step."""
    first, ids = start, []
    for act, value in steps:
        if act == "renumber":
            first = int(str(value))
            continue
        assert isinstance(value, list)
        new = [pk for pk in value if pk not in ids]
        if act == "remove":
            ids = [pk for pk in ids if pk not in value]
        elif act == "append":
            ids = ids + new
        else:
            first, ids = first - len(new), new + ids
    end = first + len(ids)
    places = list(range(first, end))
    numbers = {"first": first, "end": end, "length": len(ids), "places": places}
    return numbers | {"ids": ids, "at": ids, "nowhere": [None, None, None]}


def test_a_run_that_grows_at_both_ends_is_the_list_made_anew_by_every_step(workspace: Workspace):
    w = workspace.open(images=1)
    rng = random.Random(5)
    for start in (0, 7, 100):
        steps: list[tuple[str, object]] = []
        for _ in range(40):
            act = rng.choice(["append", "prepend", "append", "prepend", "remove", "renumber"])
            ids = rng.sample(range(1, 400), rng.randrange(9))
            steps.append((act, rng.randrange(50) if act == "renumber" else ids))
        assert w.page.evaluate(RUN, [start, steps]) == plainly(start, steps)
