package main

// Filled in with package demo.
type demoCmd struct{}
type demoNodeCmd struct{}
type demoWorkerCmd struct{}

func (demoCmd) Run() error       { return nil }
func (demoNodeCmd) Run() error   { return nil }
func (demoWorkerCmd) Run() error { return nil }
