from tastemaker.cli.help_page import Json


def work(*, as_json: Json = False) -> None:
    """Work on whatever searches wait, until Ctrl-C."""
    from tastemaker.cli.work_command import work as go

    go(as_json=as_json)
