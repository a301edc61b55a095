"""What can go wrong, said to an artist in one sentence."""


class MatshotError(Exception):
    """A failure with a sentence for the artist and, where there is one, a cause for the log.

    Args:
        sentence: what is wrong and, if it can be known, what to do.
        cause: technical detail.
    """

    def __init__(self, sentence: str, cause: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.cause = cause
