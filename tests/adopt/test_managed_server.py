"""A managed server gives nobody a superuser: the database's owner, who may make roles, is enough."""

from pathlib import Path

import psycopg
import pytest

from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import adopt, look
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db import embedded
from tastemaker.db.claims import Tenant
from tastemaker.db.pool import open_database
from tastemaker.db.transaction import transaction
from tastemaker.searches.results.paging import SearchScope
from tastemaker.searches.results.queries import list_results
from tests.adopt.hostile_rows import fill, uid
from tests.adopt.original_product import STATES, build


@pytest.mark.slow
async def test_its_owner_adopts_and_the_application_reads(tmp_path: Path) -> None:
    with embedded.running(tmp_path, settings={"fsync": "off"}) as server:
        with psycopg.connect(server.url(database="postgres"), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE managed LOGIN PASSWORD 'm' CREATEROLE CREATEDB BYPASSRLS")
            superuser.execute("CREATE DATABASE app OWNER managed")
        url = psycopg.conninfo.make_conninfo(server.url(database="app"), user="managed", password="m")
        with psycopg.connect(url, autocommit=True) as owner:
            build(owner, STATES["both"])
            fill(owner, STATES["both"])
        adopted = adopt(url, app_password="p", options=Options())
        assert adopted.report["ours"]["search_creators"] == 3032
        assert look(url, Options()).finished is not None
        app = psycopg.conninfo.make_conninfo(url, user="tastemaker_app", password="p")
        async with open_database(app) as database:
            tenant = ExternalUserId("user_1")
            async with transaction(database, Tenant(tenant)) as tx:
                page = await list_results(tx, tenant, SearchScope((SearchId(uid(301)),)), limit=10)
                others = await list_results(tx, tenant, SearchScope((SearchId(uid(308)),)), limit=10)
        assert [(found.handle, found.keyword) for found in page.creators] == [
            ("known", "yoga, flow"), ("unknown", "yoga, flow"),
        ]  # fmt: skip
        assert others.creators == []
