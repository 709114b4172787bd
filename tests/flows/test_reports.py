from __future__ import annotations

from pathlib import Path

import httpx

from flows import reports

PAGE = Path("data/low_light/report/report.html")


def report_of(root: Path) -> Path:
    page = root / PAGE
    page.parent.mkdir(parents=True)
    page.write_text("<h1>Report</h1>")
    page.with_name(reports.HEADLINE).write_text("Round r02 is preferred to r00.\n")
    return page


def test_the_page_is_served_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret")
    with reports.served(tmp_path) as address, httpx.Client(trust_env=False) as client:
        assert client.get(f"{address}/low_light").status_code == 404  # not made yet
        report_of(tmp_path)
        answer = client.get(f"{address}/low_light")
        assert (answer.status_code, answer.text) == (200, "<h1>Report</h1>")
        search = tmp_path / "data" / "brackets" / "search_report" / "report.html"
        search.parent.mkdir(parents=True)
        search.write_text("<h1>Search</h1>")
        assert client.get(f"{address}/brackets/search_report").text == "<h1>Search</h1>"
        for nothing in ("brackets", "report", "other", "low_light/other", "low_light/report/report.html", ""):
            assert client.get(f"{address}/{nothing}").status_code == 404
        assert client.get(f"{address}/secret.html").status_code == 404
        assert client.get(f"{address}/../secret.html").status_code == 404
        foreign = client.get(f"{address}/low_light", headers={"Host": "evil.example"})
        assert foreign.status_code == 404


def test_the_link_leads_to_the_page_while_it_is_served_then_to_the_file(tmp_path: Path) -> None:
    page = report_of(tmp_path)
    with reports.served(tmp_path) as address:
        assert reports.link(tmp_path, PAGE) == f"{address}/low_light"
        search = Path("data/brackets/search_report/report.html")
        assert reports.link(tmp_path, search) == f"{address}/brackets/search_report"
    assert reports.link(tmp_path, PAGE) == page.as_uri()


def test_a_second_server_is_not_forgotten_when_the_first_ends(tmp_path: Path) -> None:
    with reports.served(tmp_path):
        second = reports.served(tmp_path)
        address = second.__enter__()
    assert reports.link(tmp_path, PAGE) == f"{address}/low_light"
    second.__exit__(None, None, None)


def test_headline(tmp_path: Path) -> None:
    assert reports.headline(tmp_path, PAGE) == ""
    report_of(tmp_path)
    assert reports.headline(tmp_path, PAGE) == "Round r02 is preferred to r00."
