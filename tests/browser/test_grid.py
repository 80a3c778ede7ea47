"""The grid in a real browser: one test for each promise."""

import re

import pytest
from playwright.sync_api import expect

from .workspace import Workspace


def alive(w: Workspace) -> int:
    return w.page.locator("#grid .tile").count()


def box(w: Workspace, index: int) -> dict[str, float]:
    found = w.tile(index).bounding_box()
    assert found
    return {**found, "cx": found["x"] + found["width"] / 2, "cy": found["y"] + found["height"] / 2}


def scroll_to_the_end(w: Workspace) -> None:
    """Scroll down until nothing more comes."""
    w.page.wait_for_function(
        """last => {
          const scroller = document.querySelector('#images');
          scroller.scrollTop = scroller.scrollHeight;
          return document.querySelector(last);
        }""",
        arg=f"#tile-{w.made['images'][-1]}",
    )


def test_two_thousand_images_scroll_through_and_far_tiles_leave_the_document(
    workspace: Workspace,
):
    w = workspace.open(images=2000)
    assert alive(w) < 240
    scroll_to_the_end(w)
    expect(w.tile(1999)).to_be_visible()
    expect(w.tile(0)).not_to_be_attached()
    assert alive(w) < 240
    w.page.locator("#images").evaluate("scroller => { scroller.scrollTop = 0 }")
    expect(w.tile(0)).to_be_visible()
    expect(w.tile(1999)).not_to_be_attached()
    expect(w.page.locator("#grid .blank")).to_have_count(0)
    assert alive(w) < 240


def test_the_next_chunk_comes_when_the_last_one_comes_into_view(workspace: Workspace):
    w = workspace.open(images=500)
    expect(w.tile(245)).not_to_be_attached()
    w.page.locator("#images").evaluate("scroller => { scroller.scrollTop = scroller.scrollHeight }")
    expect(w.tile(245)).to_be_attached()


@pytest.mark.parametrize("width", [500, 800, 1100, 1400, 1900])
def test_tiles_stand_where_one_grid_of_all_of_them_would_put_them(workspace: Workspace, width: int):
    w = workspace.open(images=300)
    w.page.set_viewport_size({"width": width, "height": 900})
    w.page.locator("#images").evaluate("scroller => { scroller.scrollTop = 4500 }")
    expect(w.page.locator("#grid .blank")).to_have_count(0)
    expect(w.tile(0)).not_to_be_attached()
    assert w.page.evaluate(FARTHEST_FROM_ONE_GRID) < 1


FARTHEST_FROM_ONE_GRID = """() => {
  const grid = document.querySelector('#grid');
  const tiles = [...grid.querySelectorAll('.tile')];
  const plain = grid.cloneNode(false);
  plain.id = 'plain';
  plain.style.cssText = grid.style.cssText + '; height: auto; display: grid; gap: 8px; '
    + 'grid-template-columns: repeat(var(--columns), minmax(0, 1fr))';
  const first = Number(tiles[0].getAttribute('aria-posinset')) - 1;
  for (let before = 0; before < first; before += 1) plain.append(tiles[0].cloneNode(true));
  for (const tile of tiles) plain.append(tile.cloneNode(true));
  grid.after(plain);
  const corner = (box, holder) => [box.left - holder.left, box.top - holder.top];
  const [here, there] = [grid, plain].map((each) => each.getBoundingClientRect());
  const off = tiles.map((tile, index) => {
    const [x, y] = corner(tile.getBoundingClientRect(), here);
    const [a, b] = corner(plain.children[first + index].getBoundingClientRect(), there);
    return Math.max(Math.abs(x - a), Math.abs(y - b));
  });
  plain.remove();
  return Math.max(...off);
}"""


def test_a_click_on_a_label_filters_and_the_url_holds_it(workspace: Workspace):
    w = workspace.open(images=10, labels=["cat", "dog"], labeled={"cat": [0, 1, 2], "dog": [5]})
    w.label("cat").locator("[data-filter-label]").click()
    expect(w.page.locator(".tile")).to_have_count(3)
    expect(w.page).to_have_url(re.compile(f"label={w.made['labels']['cat']}$"))
    expect(w.page.locator("#counts")).to_contain_text("3 of 10 images")
    w.label("dog").locator("[data-filter-label]").click(modifiers=["Control"])
    expect(w.page.locator(".tile")).to_have_count(4)
    w.reload()
    expect(w.page.locator(".tile")).to_have_count(4)
    expect(w.page.locator("#filter-chips .chip")).to_have_count(2)
    w.page.locator("#filter-chips .chip", has_text="cat").click()
    expect(w.page.locator(".tile")).to_have_count(1)


def test_other_filters_are_in_the_url_and_removed_by_their_chips(workspace: Workspace):
    w = workspace.open(images=12, labels=["cat"], labeled={"cat": [0, 1, 2]})
    w.page.locator("[data-show=unlabeled]").click()
    expect(w.page.locator(".tile")).to_have_count(9)
    w.page.get_by_label("Name contains").fill("0001")
    expect(w.page.locator(".tile")).to_have_count(2)
    assert "show=unlabeled" in w.page.url
    assert "name=0001" in w.page.url
    w.page.get_by_role("button", name="Clear filters").first.click()
    expect(w.page.locator(".tile")).to_have_count(12)
    assert "?" not in w.page.url


def test_labels_are_filtered_by_any_all_or_none(workspace: Workspace):
    w = workspace.open(
        images=6, multi_label=True, labels=["cat", "dog"], labeled={"cat": [0, 1], "dog": [1, 2]}
    )
    w.label("cat").locator("[data-filter-label]").click()
    w.label("dog").locator("[data-filter-label]").click(modifiers=["Control"])
    expect(w.page.locator(".tile")).to_have_count(3)
    w.page.locator(".more-filters summary").click()
    for match, number in (("all", 1), ("none", 3)):
        w.page.locator("select[name=match]").select_option(match)
        expect(w.page.locator(".tile")).to_have_count(number)


def test_source_and_day_filter_too(workspace: Workspace):
    w = workspace.open(images=6, labels=["cat"], labeled={"cat": [0, 1]})
    w.page.locator(".more-filters summary").click()
    w.page.locator("select[name=source]").select_option("hand")
    expect(w.page.locator(".tile")).to_have_count(2)
    w.page.locator("input[name=until]").fill("2001-01-01")
    expect(w.page.get_by_text("No image matches the filter")).to_be_visible()
    w.page.locator("[data-clear-filter]").click()
    expect(w.page.locator(".tile")).to_have_count(6)


def test_images_sort_by_name_time_and_label(workspace: Workspace):
    w = workspace.open(images=6, labels=["cat"], labeled={"cat": [4]})
    first = w.page.locator(".tile").first
    for sort, index in (("-name", 5), ("label", 4), ("name", 0), ("-time", 5)):
        w.page.locator("select[name=sort]").select_option(sort)
        expect(first).to_have_attribute("data-id", str(w.made["images"][index]))


def test_click_ctrl_and_shift_select(workspace: Workspace):
    w = workspace.open(images=30)
    w.tile(2).click()
    w.tile(5).click(modifiers=["Control"])
    assert w.selected() == [2, 5]
    w.tile(8).click(modifiers=["Shift"])
    assert w.selected() == [5, 6, 7, 8]
    w.tile(6).click(modifiers=["Control"])
    assert w.selected() == [5, 7, 8]
    expect(w.page.locator("#selection-count")).to_have_text("3 selected")
    w.page.keyboard.press("Escape")
    assert w.selected() == []


def test_arrows_move_and_with_shift_select(workspace: Workspace):
    w = workspace.open(images=60)
    columns = int(
        w.page.evaluate("document.querySelector('#grid').style.getPropertyValue('--columns')")
    )
    w.page.locator("#grid").focus()
    w.page.keyboard.press("ArrowRight")
    assert w.selected() == [0]
    w.page.keyboard.press("ArrowRight")
    w.page.keyboard.press("ArrowDown")
    assert w.selected() == [1 + columns]
    w.page.keyboard.press("Shift+ArrowRight")
    w.page.keyboard.press("Shift+ArrowRight")
    assert w.selected() == [1 + columns, 2 + columns, 3 + columns]
    w.page.keyboard.press("Control+ArrowRight")
    w.page.keyboard.press("Control+Space")
    assert w.selected() == [1 + columns, 2 + columns, 3 + columns, 4 + columns]
    w.page.keyboard.press("Home")
    assert w.selected() == [0]
    w.page.keyboard.press("End")
    assert w.selected() == [59]
    expect(w.page.locator("#grid")).to_have_attribute(
        "aria-activedescendant", f"tile-{w.made['images'][59]}"
    )


def test_a_range_reaches_chunks_that_were_never_loaded(workspace: Workspace):
    w = workspace.open(images=700)
    w.tile(10).click()
    w.page.keyboard.press("Shift+End")
    expect(w.page.locator("#selection-count")).to_have_text("690 selected")


def test_ctrl_a_selects_all_that_match_and_says_so(workspace: Workspace):
    w = workspace.open(images=500, labels=["cat"], labeled={"cat": list(range(100))})
    w.tile(0).click()
    expect(w.page.get_by_role("button", name="Select all 500")).to_be_visible()
    w.page.keyboard.press("Control+a")
    expect(w.page.locator("#selection-count")).to_have_text("All 500 images selected")
    w.tile(3).click(modifiers=["Control"])
    expect(w.page.locator("#selection-count")).to_have_text("499 selected")
    w.page.locator("[data-show=unlabeled]").click()
    expect(w.page.locator("#counts")).to_contain_text("400 of 500")
    w.tile(100).click()
    w.page.get_by_role("button", name="Select all 400 that match").click()
    expect(w.page.locator("#selection-count")).to_have_text("All 400 images that match selected")


def test_dragging_a_rectangle_selects_what_it_touches(workspace: Workspace):
    w = workspace.open(images=30)
    first, last = box(w, 0), box(w, 2)
    w.page.mouse.move(first["cx"], first["cy"])
    w.page.mouse.down()
    w.page.mouse.move(last["cx"] - 20, last["cy"] + 10, steps=5)
    expect(w.page.locator(".band")).to_be_visible()
    w.page.mouse.up()
    assert w.selected() == [0, 1, 2]
    expect(w.page.locator(".band")).to_be_hidden()
    w.tile(4).click()
    assert w.selected() == [4]


def test_right_click_the_button_and_shift_f10_open_the_same_menu(workspace: Workspace):
    w = workspace.open(images=10, labels=["cat"])

    def texts() -> list[str]:
        menu = w.page.locator(".menu")
        expect(menu).to_be_visible()
        found = menu.locator(".text").all_inner_texts()
        w.page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
        return found

    w.tile(3).click(button="right")
    by_mouse = texts()
    assert w.selected() == [3]
    w.page.locator("[data-actions]").click()
    by_button = texts()
    w.page.locator("#grid").focus()
    w.page.keyboard.press("Shift+F10")
    by_key = texts()
    assert by_mouse == by_button == by_key
    assert {"cat", "Label by similarity", "Find similar", "Open large"} < set(by_mouse)
    w.tile(0).click()
    w.tile(1).click(modifiers=["Control"])
    w.tile(1).click(button="right")
    assert w.selected() == [0, 1]


@pytest.mark.parametrize(
    ("item", "event"),
    [("Label by similarity", "label-by-similarity"), ("Find similar", "find-similar")],
)
def test_ai_tools_are_told_the_selection(workspace: Workspace, item: str, event: str):
    w = workspace.open(images=5)
    w.page.evaluate(
        """name => document.addEventListener(name, event => {
          event.stopImmediatePropagation();
          window.told = event.detail;
        }, true)""",
        event,
    )
    w.tile(2).click(button="right")
    expect(w.page.locator(".menu .heading", has_text="AI tools")).to_be_visible()
    w.menu(item).click()
    assert w.page.evaluate("window.told") == {"selection": {"images": [w.made["images"][2]]}}


def test_space_opens_the_large_view_and_arrows_move_beyond_the_chunk(workspace: Workspace):
    w = workspace.open(images=250, labels=["cat"], labeled={"cat": [239]})
    w.page.locator("#grid").focus()
    w.page.keyboard.press("End")
    w.page.keyboard.press("Space")
    large = w.page.locator(".large-view")
    expect(large.locator(".large-name")).to_have_text(re.compile("photo-00239|photo-00249"))
    w.page.keyboard.press("Escape")
    w.tile(239).dblclick()
    expect(large.locator(".place")).to_have_text("240 of 250")
    expect(large).to_contain_text("by hand")
    expect(large).to_contain_text("400 × 300 px")
    w.page.keyboard.press("ArrowRight")
    expect(large.locator(".place")).to_have_text("241 of 250")
    w.page.keyboard.press("1")
    expect(large.locator("[data-label] .name")).to_have_text("cat")
    expect(large.locator(".toast")).to_contain_text("Labeled 1 image as cat")
    w.page.keyboard.press("Space")
    expect(large).to_have_count(0)
    assert w.selected() == [240]
    expect(w.chips(240)).to_have_text(["cat"])


def test_the_size_of_the_thumbnails_is_remembered(workspace: Workspace):
    w = workspace.open(images=10)
    medium = box(w, 0)["width"]
    w.page.locator("#tile-size").fill("2")
    assert box(w, 0)["width"] > medium * 1.2
    w.reload()
    assert box(w, 0)["width"] > medium * 1.2


def test_an_empty_project_says_what_to_do(workspace: Workspace):
    w = workspace.open()
    expect(w.page.get_by_text("drop photos, a folder or a zip")).to_be_visible()
    expect(w.page.locator("#grid")).to_be_hidden()


def test_many_labels_of_an_image_end_in_a_number(workspace: Workspace):
    names = ["ant", "bee", "cat", "dog"]
    w = workspace.open(
        images=1, multi_label=True, labels=names, labeled={name: [0] for name in names}
    )
    expect(w.tile(0).locator(".chip:visible")).to_have_count(2)
    expect(w.tile(0).locator(".more")).to_have_text("+2")


def test_long_and_hostile_names_are_shown_as_text(workspace: Workspace):
    names = {"0": "x" * 200 + ".jpg", "1": "<img src=x onerror=alert(1)>.jpg"}
    w = workspace.open(images=3, names=names)
    expect(w.page.locator(".tile", has_text="<img src=x")).to_have_count(1)
    assert box(w, 0)["width"] < 400
    assert w.page.evaluate("document.body.scrollWidth <= innerWidth")


def test_images_that_arrive_show_up_without_losing_place_or_selection(workspace: Workspace):
    w = workspace.open(images=40)
    w.tile(3).click()
    project = w.made["project"]
    came = w.seeder.ask("add_images", project=project, number=7, prefix="zebra")
    w.page.evaluate("document.dispatchEvent(new CustomEvent('images-changed'))")
    expect(w.page.locator(f"#tile-{came['images'][6]}")).to_be_attached()
    expect(w.page.locator("[data-count=images]").first).to_have_text("47")
    assert w.selected() == [3]
    w.seeder.ask("add_images", project=project, number=2, prefix="ant")
    w.page.evaluate("document.dispatchEvent(new CustomEvent('images-changed'))")
    w.page.get_by_role("button", name="2 new images · Show").click()
    expect(w.page.locator(".tile")).to_have_count(49)


def arrive(w: Workspace, number: int, prefix: str) -> list[int]:
    came = w.seeder.ask("add_images", project=w.made["project"], number=number, prefix=prefix)
    w.page.evaluate("document.dispatchEvent(new CustomEvent('images-changed'))")
    return list(came["images"])


@pytest.mark.parametrize("images", [40, 300], ids=["one chunk", "more than is loaded"])
def test_images_that_arrive_take_their_places_where_nothing_is_selected(
    workspace: Workspace, images: int
):
    w = workspace.open(images=images)
    first = arrive(w, 3, "ant")
    expect(w.page.locator(".tile").first).to_have_id(f"tile-{first[0]}")
    expect(w.page.locator("#new-images")).to_be_hidden()


def test_images_that_arrive_move_nothing_under_a_selection_or_far_from_the_top(
    workspace: Workspace,
):
    w = workspace.open(images=300)
    w.tile(2).click()
    arrive(w, 3, "ant")
    pill = w.page.get_by_role("button", name="3 new images · Show")
    expect(pill).to_be_visible()
    expect(w.page.locator(".tile").first).to_have_id(f"tile-{w.made['images'][0]}")
    w.page.keyboard.press("Escape")
    w.page.locator("#images").evaluate("scroller => { scroller.scrollTop = 900 }")
    first = arrive(w, 1, "aaa")
    w.page.get_by_role("button", name="4 new images · Show").click()
    expect(w.page.locator(".tile").first).to_have_id(f"tile-{first[0]}")
    expect(pill).to_be_hidden()


def test_another_tab_catches_up_when_it_is_looked_at(workspace: Workspace):
    w = workspace.open(images=5, labels=["cat"])
    other = w.page.context.new_page()
    other.route("**/thumbnail", lambda route: route.fulfill(body=b"", content_type="image/webp"))
    other.goto(w.url)
    other.locator(".tile").first.click()
    other.keyboard.press("1")
    expect(other.locator(".tile .chip")).to_have_count(1)
    w.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(w.chips(0)).to_have_text(["cat"])
    other.close()


def test_the_page_works_at_800_pixels_with_the_panel_folded(workspace: Workspace):
    w = workspace.open(images=20, labels=["cat"])
    w.page.set_viewport_size({"width": 800, "height": 700})
    expect(w.page.locator("#label-panel")).to_be_hidden()
    w.page.locator("#panel-toggle").click()
    expect(w.page.locator("#label-panel")).to_be_visible()
    w.page.locator("#panel-toggle").click()
    assert w.page.evaluate("document.body.scrollWidth <= innerWidth")
    w.tile(0).click()
    assert w.selected() == [0]
