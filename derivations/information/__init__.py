"""Information"""
