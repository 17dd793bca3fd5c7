from tastemaker.cli.help_page import Json, group

app = group("The services that creators come from, and which of them answers.")


@app.command("list")
def show_all(*, as_json: Json = False) -> None:
    """Show every provider in the order in which they are asked, and what each is used for."""
    from tastemaker.cli.provider_commands import show_providers

    show_providers(as_json=as_json)
