"""What every request must pass (robots.txt, TDM reservations, delays, public IP addresses, a contact), and every answer.

May import: `crawler.outlet_files`, `.reading`. Data comes from requests, answers and the well-known files of a host; a request is
sent, delayed, or ended with NotFetched and a reason. Open first: request_policy.py, then robots.py; of what answers
pass http_client.py, then failures.py.
"""
