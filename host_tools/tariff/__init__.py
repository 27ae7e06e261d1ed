"""Tariff files for people: checked before they are sent, and tried on a customer's usage before anybody is charged by them."""
