using System.Diagnostics;

namespace Dumont.Server.Platform.Security;

/// <summary>An Ed25519 key pair in OpenSSH's own forms. Made by <c>ssh-keygen</c>: the BCL has no Ed25519.</summary>
internal sealed record SshKeyPair(string PrivateKey, string PublicKey)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a pair without a passphrase and without a comment.</summary>
    public static async Task<SshKeyPair> GenerateAsync(CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("dumont-key-");
        try
        {
            var file = Path.Combine(folder.FullName, "key");
            var start = new ProcessStartInfo("ssh-keygen") { RedirectStandardError = true, RedirectStandardOutput = true };
            foreach (var argument in (string[])["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file])
            {
                start.ArgumentList.Add(argument);
            }

            using var process = Process.Start(start) ?? throw new InvalidOperationException("ssh-keygen could not be started.");
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException($"ssh-keygen failed: {await errors}");
            }

            return new SshKeyPair(
                await File.ReadAllTextAsync(file, cancellationToken), (await File.ReadAllTextAsync(file + ".pub", cancellationToken)).Trim());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Writes a private key for the eyes of this user alone, replacing an older file in one step.</summary>
    public static async Task WritePrivateFileAsync(string path, string privateKey, CancellationToken cancellationToken)
    {
        var temporary = $"{path}.{Environment.ProcessId}.new";
        await using (var file = new FileStream(
            temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        await using (var writer = new StreamWriter(file))
        {
            await writer.WriteAsync(privateKey.AsMemory(), cancellationToken);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
