import pytest
from sqlalchemy import text

from tastemaker.config_store.queries import get_flag
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, session_scope


@pytest.mark.parametrize(("value", "read"), [("true", True), (" False ", False), ("perhaps", True)])
async def test_a_flag_is_true_or_false_or_the_default(database: Database, value: str, *, read: bool) -> None:
    async with session_scope(database, SYSTEM) as session:
        await session.execute(
            text(
                "INSERT INTO system_configurations (category, key, value, value_type)"
                " VALUES ('test', 'flag', :value, 'boolean')"
            ),
            {"value": value},
        )
        assert await get_flag(session, "test", "flag", default=True) is read
        assert await get_flag(session, "test", "absent", default=False) is False
