"""The cost of a call in the reporting currency; None if it is unknown, never 0 instead.

A price comes from the configuration (of the endpoint, or of a model's name) or else from genai-prices, the public price
list in a Python package (USD; imported on first use, and what it said is kept for later processes). A price in another
currency needs a rate: `fx: {USD: 7.10}` says that 1 USD is 7.10 of the reporting currency.

Prices in yuan are not shipped. Vendors publish them in tiers and change them often, and they are not the dollar
price times a rate, so prices in the code would soon be wrong: put the prices of your contract into `prices`.
A self-hosted server (vLLM, Ollama) has no list price either; its cost is unknown unless configured, and
`prices: {input: 0, output: 0}` says that it is free.
"""

from aimon.pricing.book import ESTIMATED, PriceBook
from aimon.pricing.listed import LISTED_PROVIDERS
from aimon.pricing.price import PER, Price, PriceError, cost

__all__ = ["ESTIMATED", "LISTED_PROVIDERS", "PER", "Price", "PriceBook", "PriceError", "cost"]
