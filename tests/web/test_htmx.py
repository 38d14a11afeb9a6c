"""Every list page answers whole, or only its results where htmx asks for a part; one rule decides for all of them."""

import pytest

from tests.web.conftest import Samples, url_patterns

LISTS = sorted(name for name in url_patterns() if name.endswith("_list"))
PART = {"HX-Request": "true"}
NONSENSE = ["q=%00", "after=x&before=y", "q=" + "a" * 5000, "sort=nonsense&unknown=1", "q=%25_%27%22"]


@pytest.mark.parametrize("name", LISTS)
def test_a_browser_gets_the_whole_page(samples: Samples, name: str) -> None:
    page = samples.cast.client(samples.cast.olga).get(samples.url(name)).content.decode()
    assert page.lstrip().startswith("<!doctype html>")
    assert page.count('id="results"') == 1


@pytest.mark.parametrize("name", LISTS)
def test_htmx_gets_only_the_results(samples: Samples, name: str) -> None:
    part = samples.cast.client(samples.cast.olga).get(samples.url(name), headers=PART).content.decode()
    assert "<html" not in part
    assert part.lstrip().startswith("<section")
    assert part.count('id="results"') == 1


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_a_boosted_link_and_a_restored_page_get_the_whole_page(samples: Samples, name: str, header: str) -> None:
    headers = {**PART, header: "true"}
    page = samples.cast.client(samples.cast.olga).get(samples.url(name), headers=headers).content.decode()
    assert page.lstrip().startswith("<!doctype html>")


@pytest.mark.parametrize("name", LISTS)
def test_no_cache_confuses_the_page_with_its_part(samples: Samples, name: str) -> None:
    vary = samples.cast.client(samples.cast.olga).get(samples.url(name)).headers["Vary"]
    for header in ("HX-Request", "HX-Boosted", "HX-History-Restore-Request", "Cookie"):
        assert header in vary


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "query", ["q=%00", "after=x&before=y", "q=" + "a" * 5000, "sort=nonsense&unknown=1", "q=%25_%27%22"]
)
def test_nonsense_in_the_address_is_no_error(samples: Samples, name: str, query: str) -> None:
    response = samples.cast.client(samples.cast.olga).get(f"{samples.url(name)}?{query}")
    assert response.status_code in {200, 400}
