"""What a page answers a form with that it does not take."""


class FormRefused(Exception):
    """A form that is not taken; the text is a key of the page's words."""
