from .drawings import KINDS, draw_picture, picture_bytes


def test_the_same_seed_draws_the_same_bytes():
    assert picture_bytes("red circle", 3) == picture_bytes("red circle", 3)


def test_no_two_pictures_hold_the_same_bytes():
    drawn = {picture_bytes(kind, seed) for kind in KINDS for seed in range(20)}
    assert len(drawn) == 20 * len(KINDS)


def test_a_picture_has_the_size_asked_for():
    assert draw_picture("black ring", size=(90, 300)).size == (90, 300)
