"""Recurrent networks"""

PAGE = ("rnn", "gru", "lstm")
