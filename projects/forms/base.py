"""The kind of form that all others are."""

from __future__ import annotations

from typing import Self

from django import forms

from ..errors import Refusal


class ReadableForm(forms.Form):
    """A form whose problems can be said in one sentence."""

    def problem(self) -> str:
        """Return the first problem, with the field's name unless it is the form's as a whole."""
        field, messages = next(iter(self.errors.items()))
        label = self.fields[field].label or field if field in self.fields else ""
        return f"{label}: {messages[0]}" if label else str(messages[0])

    def valid(self) -> Self:
        """Return the form itself, or raise a `Refusal` with its first problem."""
        if not self.is_valid():
            raise Refusal(self.problem(), code="bad_request")
        return self
