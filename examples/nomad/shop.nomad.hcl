# One image and one Procfile, a group for each process type.
job "shop" {
  group "web" {
    count = 2

    network {
      port "http" {}
    }

    service {
      name     = "shop"
      port     = "http"
      provider = "nomad"
    }

    task "web" {
      driver = "docker"

      config {
        image   = "registry.example/shop:1"
        command = "untrap"
        args    = ["-t", "20s", "-f", "Procfile", "web"]
        ports   = ["http"]
      }

      env {
        PORT = "${NOMAD_PORT_http}"
      }

      # The service is taken out, 5 s pass, then SIGTERM is sent; 25 s later SIGKILL. Clients allow 30 s at most unless
      # their max_kill_timeout says more.
      shutdown_delay = "5s"
      kill_timeout   = "25s"
    }
  }

  group "worker" {
    count = 3

    task "worker" {
      driver = "docker"

      config {
        image   = "registry.example/shop:1"
        command = "untrap"
        args    = ["-t", "25s", "-f", "Procfile", "worker"]
      }

      kill_timeout = "30s"
    }
  }
}
