"""What every request must pass: robots.txt, TDM reservations, delays, public addresses, a contact.

May import: `crawler.outlet_files`. Data comes from requests and from well-known files of a host; a request goes on,
waits, or ends as NotFetched with a reason. Open first: request_policy.py, then robots.py.
"""
