"""Each question is one statement, whatever it joins; only the claim travels with it."""

from uuid import UUID

import pytest

from tastemaker.accounts.queries import get_user_profile
from tastemaker.admin.queries import search_users
from tastemaker.billing.queries import list_expiring_trials
from tastemaker.config_store.queries import list_reloadable
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import AggregateType
from tastemaker.events.reading_queries import list_event_history
from tastemaker.searches.history_queries import (
    find_campaign_results,
    list_result_pages,
    list_results_with_creator,
    list_search_history,
)
from tests.proofs.test_indexes_at_head import Question
from tests.proofs.watching import watched

ALICE = ExternalUserId("user_9")

QUESTIONS: dict[str, Question] = {
    "profile": lambda database: get_user_profile(database, ALICE),
    "user search": lambda database: search_users(database, SYSTEM, "ann"),
    "search history": lambda database: list_search_history(database, ALICE),
    "pages of results": lambda database: list_result_pages(database, ALICE, SearchId(UUID(int=1))),
    "campaign results": lambda database: find_campaign_results(database, ALICE, CampaignId(UUID(int=1))),
    "results with a creator": lambda database: list_results_with_creator(
        database, ALICE, Platform.TIKTOK, "brandhouse"
    ),
    "expiring trials": list_expiring_trials,
    "event history": lambda database: list_event_history(database, ALICE, AggregateType.USER, "user_9"),
    "reloadable configuration": lambda database: list_reloadable(database, "category_8"),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_is_one_statement(question: str, proven_urls: tuple[str, str]) -> None:
    async with watched(*proven_urls, inside_functions=False) as (database, heard):
        await QUESTIONS[question](database)
        assert len(heard.statements) == 1


async def test_a_second_statement_would_be_heard(proven_urls: tuple[str, str]) -> None:
    async with watched(*proven_urls, inside_functions=False) as (database, heard):
        await get_user_profile(database, ALICE)
        await get_user_profile(database, ALICE)
        assert len(heard.statements) == 2
