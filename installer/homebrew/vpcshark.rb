# The formula of a release, for a tap of one's own: installer/release.py fills in what stands between @ signs. Nobody has
# run vpcshark on macOS yet.
class Vpcshark < Formula
  include Language::Python::Virtualenv

  desc "Capture from AWS network interfaces in Wireshark, and leave nothing behind"
  homepage "@SOURCE@"
  url "@SOURCE@/releases/download/v@VERSION@/@SDIST@"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on "python@3.13"

  def install
    virtualenv_create(libexec, "python3.13", without_pip: false)
    system libexec/"bin/python", "-m", "pip", "install", buildpath
    bin.install_symlink libexec/"bin/vpcshark"
    generate_completions_from_executable(bin/"vpcshark", "completion", shells: [:bash, :zsh, :fish])
  end

  def caveats
    <<~EOS
      To see your ENIs in Wireshark's list, run:
        vpcshark install
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/vpcshark --version")
  end
end
