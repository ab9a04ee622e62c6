import pytest

from crawler.politeness.contact import contact_problem, public_hosts, user_agent


@pytest.mark.parametrize(
    "contact", ["desk@example.org", "mailto:desk@example.org", "https://example.org/crawler"]
)
def test_a_mail_address_or_a_page_is_a_contact(contact):
    assert contact_problem(contact, ["example.org"]) is None
    assert contact in user_agent(contact)


@pytest.mark.parametrize("contact", ["me", "@", "http://", "a b@c.d", "www.example.org"])
def test_anything_else_is_told(contact):
    assert repr(contact) in contact_problem(contact, ["example.org"])


def test_public_hosts_need_a_contact_and_private_ones_do_not():
    assert "example.org is a public host" in contact_problem(None, ["example.org"])
    assert contact_problem(None, []) is None


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("127.0.0.5", "127.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("[::1]", "::1/128"),
        ("192.168.7.1", "192.168.7.1/32"),
    ],
)
def test_a_private_address_is_told_with_the_setting_that_admits_it(host, network):
    assert f"ALLOWED_NETWORKS={network}" in contact_problem(None, [host])
    assert public_hosts([host], [network], []) == []
    assert "ALLOWED_NETWORKS" not in contact_problem(None, [host, "news.test"])


def test_which_hosts_are_public_is_told_without_a_look_up():
    hosts = ["example.org", "localhost", "127.0.0.1", "10.1.2.3", "news.test", "[::1]"]
    assert public_hosts(hosts, ["127.0.0.0/8", "::1/128"], ["news.test"]) == ["10.1.2.3", "example.org"]
