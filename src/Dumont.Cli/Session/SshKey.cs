using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Dumont.Cli.Grammar;
using Dumont.Contracts;

namespace Dumont.Cli.Session;

/// <summary>This computer's own SSH key, <c>~/.dumont/id_ed25519</c>: made at first use, its public half given to the server.</summary>
internal static class SshKey
{
    private const string KeysPath = "/api/v1/settings/ssh-keys";

    /// <summary>File of the private key.</summary>
    public static string FileIn(TokenStore store) => Path.Combine(store.Folder, "id_ed25519");

    /// <summary>Makes the key if there is none and registers it unless the server has it.</summary>
    /// <returns>True when the server has only just learnt of it.</returns>
    /// <exception cref="CliException">The key cannot be made.</exception>
    /// <exception cref="DumontApiException">The server refuses it.</exception>
    public static async Task<bool> EnsureRegisteredAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var publicKey = await EnsureAsync(context.Session.Store, cancellationToken);
        var known = await context.Session.SendAsync(ApiMethod.Get, KeysPath, null, cancellationToken);
        if (known?.ToJsonString().Contains(Material(publicKey), StringComparison.Ordinal) == true)
        {
            return false;
        }

        var body = new JsonObject { ["name"] = $"dumont-cli@{Environment.MachineName}", ["public_key"] = publicKey };
        try
        {
            await context.Session.SendAsync(ApiMethod.Post, KeysPath, body, cancellationToken);
            return true;
        }
        catch (DumontApiException e) when (e.Status == HttpStatusCode.Conflict)
        {
            return false;
        }
    }

    private static async Task<string> EnsureAsync(TokenStore store, CancellationToken cancellationToken)
    {
        var file = FileIn(store);
        if (!File.Exists(file) || !File.Exists(file + ".pub"))
        {
            store.EnsureFolder();
            File.Delete(file);
            await GenerateAsync(file, cancellationToken);
        }

        return (await File.ReadAllTextAsync(file + ".pub", cancellationToken)).Trim();
    }

    private static async Task GenerateAsync(string file, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "dumont-cli", "-f", file])
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            var error = await process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0)
            {
                throw new CliException(ExitCode.Failure, $"ssh-keygen: {error.Trim()}");
            }
        }
        catch (Win32Exception)
        {
            throw new CliException(
                ExitCode.Failure,
                new("ssh-keygen is not installed", "ssh-keygen não está instalado"),
                new("install the OpenSSH client: apt install openssh-client", "instale o cliente OpenSSH: apt install openssh-client"));
        }
    }

    // "ssh-ed25519 AAAA… comment": the middle alone is the key. JSON writes its plus signs as \u002B.
    private static string Material(string publicKey) =>
        JsonValue.Create(publicKey.Split(' ') is [_, var material, ..] ? material : publicKey).ToJsonString().Trim('"');
}
