from tastemaker.cli.help_page import Json


def doctor(*, as_json: Json = False) -> int:
    """Check this machine and this installation, and advise."""
    from tastemaker.cli.doctor_command import doctor as examine

    return examine(as_json=as_json)
