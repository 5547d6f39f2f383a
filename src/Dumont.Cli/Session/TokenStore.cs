using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Dumont.Cli.Session;

/// <summary>A saved login.</summary>
/// <param name="AccessToken">Bearer token.</param>
/// <param name="RefreshToken">Renews it; null when unknown.</param>
/// <param name="ExpiresAt">End of the access token; null when unknown.</param>
/// <param name="BaseUrl">Server that gave it; null when unknown.</param>
internal sealed record SavedLogin(string AccessToken, string? RefreshToken, DateTimeOffset? ExpiresAt, string? BaseUrl);

// ~/.dumont_token            the access token, one line; other tools read it
// ~/.dumont/session.json     what renews it, and which server it is for; ignored when it is not about the token above
// both mode 0600, replaced by rename so that a reader sees the old or the new one

/// <summary>Keeps the login between commands.</summary>
internal sealed class TokenStore(string home)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string TokenFile { get; } = Path.Combine(home, ".dumont_token");

    /// <summary>Folder for everything but the token, mode 0700.</summary>
    public string Folder { get; } = Path.Combine(home, ".dumont");

    private string SessionFile => Path.Combine(Folder, "session.json");

    /// <summary>The saved login; null when there is none. Takes rights on the file away from others.</summary>
    public SavedLogin? Load()
    {
        if (!File.Exists(TokenFile))
        {
            return null;
        }

        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(TokenFile) & ~OwnerOnly) != 0)
        {
            File.SetUnixFileMode(TokenFile, OwnerOnly);
        }

        var token = File.ReadAllText(TokenFile).Trim();
        if (token.Length == 0)
        {
            return null;
        }

        var session = LoadSession();
        if (session is null || TextOf(session, "access_token_sha256") != Fingerprint(token))
        {
            return new SavedLogin(token, null, null, null);
        }

        DateTimeOffset? expires = DateTimeOffset.TryParse(
            TextOf(session, "expires_at"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : null;
        return new SavedLogin(token, TextOf(session, "refresh_token"), expires, TextOf(session, "base_url"));
    }

    /// <summary>Replaces the saved login.</summary>
    public void Save(SavedLogin login)
    {
        var session = new JsonObject
        {
            ["base_url"] = login.BaseUrl,
            ["refresh_token"] = login.RefreshToken,
            ["expires_at"] = login.ExpiresAt?.ToString("O", CultureInfo.InvariantCulture),
            ["access_token_sha256"] = Fingerprint(login.AccessToken),
        };
        EnsureFolder();
        Replace(SessionFile, session.ToJsonString());
        Replace(TokenFile, login.AccessToken + "\n");
    }

    /// <summary>Forgets the login.</summary>
    public void Clear()
    {
        File.Delete(TokenFile);
        if (Directory.Exists(Folder))
        {
            File.Delete(SessionFile);
        }
    }

    /// <summary>Held while a token is renewed: a second process waits and then finds the new one. Null after ten seconds.</summary>
    public async Task<IDisposable?> LockAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        EnsureFolder();
        for (var i = 0; i < 100; i++)
        {
            try
            {
                return new FileStream(Path.Combine(Folder, "session.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
            }
        }

        return null;
    }

    public void EnsureFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Folder);
        }
        else
        {
            Directory.CreateDirectory(Folder, OwnerOnly | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Writes a file that only the owner reads, whole or not at all.</summary>
    public static void Replace(string path, string content)
    {
        var temporary = path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        using (var file = new FileStream(temporary, options))
        {
            file.Write(Encoding.UTF8.GetBytes(content));
        }

        File.Move(temporary, path, overwrite: true);
    }

    private JsonObject? LoadSession()
    {
        try
        {
            return File.Exists(SessionFile) ? JsonNode.Parse(File.ReadAllText(SessionFile)) as JsonObject : null;
        }
        catch (JsonException)
        {
            // A broken file only costs the automatic renewal.
            return null;
        }
    }

    private static string Fingerprint(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    private static string? TextOf(JsonObject session, string name) =>
        session[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
