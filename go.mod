module github.com/millrace-dev/millrace

go 1.26.0
