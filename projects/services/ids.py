"""All ids of many images at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db.models import Aggregate, TextField
from numpy.typing import NDArray

from projects.models import ImageQuerySet


class _Joined(Aggregate):
    """Numbers joined by commas into one text."""

    function = "group_concat"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "string_agg((%(expressions)s)::text, ',')"
        return self.as_sql(compiler, connection, template=template, **context)


def ids_of(images: ImageQuerySet) -> NDArray[np.int64]:
    """Return the ids of images, int64 (n,), in no order.

    As one text from the database, so that Python makes no row of each.
    """
    text = images.order_by().aggregate(ids=_Joined("pk"))["ids"]
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)
