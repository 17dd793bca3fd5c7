"""A program that uses the client of clientele, whose functions return a problem as they return a document."""

import os
import sys

sys.path.insert(0, ".")
url, key = sys.argv[1:]
os.environ["BASE_URL"] = url
os.environ["HEADERS"] = f'{{"Authorization": "Bearer {key}"}}'
os.environ["TIMEOUT"] = "60"

from client_clientele import client, schemas  # noqa: E402 - it reads the variables when it is imported

campaign = client.create_campaign(data=schemas.NewCampaign(name="Another generated client"))
asked = {"campaign_id": campaign.id, "platforms": ["tiktok"], "sandbox": True, "target": 30}
started = client.start_searches(data=schemas.NewSearch(keywords=["makeup"], **asked))
search = started.searches[0]
while str(search.status.value) in {"pending", "processing"}:
    search = client.get_search(search_id=search.id, wait=30)
found, after = [], None
while True:
    page = client.list_results_of_search(search_id=search.id, limit=7, after=after)
    found += page.creators
    after = page.next
    if after is None:
        break
assert len({creator.stable_id for creator in found}) == search.stored > 0
refused = client.start_searches(data=schemas.NewSearch(keywords=[], **asked))
assert isinstance(refused, schemas.Problem), refused
assert refused.type == "urn:tastemaker:problem:invalid_input"
assert refused.fields[0].pointer == "#/keywords"
print(f"{len(found)} creators read; an empty list of keywords: {refused.fields[0].suggestion}")
