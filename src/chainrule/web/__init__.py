"""The local page: networks that learn, side by side, and every number behind them.

`server` serves it, `conductor` trains what one visitor looks at, `experiment` says what that is.
"""
