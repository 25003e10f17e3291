# One image and one Procfile, one group per process type.
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

      # Nomad deregisters the service, waits 5 s, sends SIGTERM, and sends SIGKILL 25 s later. A client limits kill_timeout to
      # its max_kill_timeout, 30 s by default.
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
