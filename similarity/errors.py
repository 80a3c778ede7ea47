"""Refusals of the numeric core. Each carries a code for programs and a sentence for people."""


class SimilarityError(Exception):
    """Something the person can act on; the message is a full sentence that says how.

    ``code`` is stable and meant for programs, ``message`` (also ``str(error)``) for people.
    """

    def __init__(self, code: str, message: str) -> None:
        # Both in args, so that the error survives pickling between worker processes.
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class UnreadableImage(SimilarityError):
    """The file is no image we can use.

    Codes: ``empty``, ``not_an_image``, ``format_not_accepted``, ``too_many_pixels``, ``truncated``,
    ``corrupt``.
    """


class EncoderUnavailable(SimilarityError):
    """The encoder is unknown or lacks its weights; raised before any image is touched.

    Codes: ``unknown_encoder``, ``encoder_not_built``, ``weights_unavailable``, ``encoder_broken``.
    """
