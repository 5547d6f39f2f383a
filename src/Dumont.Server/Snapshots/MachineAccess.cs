using System.Text;
using Dumont.Server.Machines;

namespace Dumont.Server.Snapshots;

/// <summary>Which machine asks for objects, and whether the repository is its owner's. A machine may add objects, and delete locks; nothing else, so that
/// one that was taken over cannot destroy what was kept.</summary>
internal sealed class MachineAccess(MachineStore machines, Repositories repositories)
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    /// <summary>The repository that the request may use; null when it may not, or there is none.</summary>
    public async Task<Repository?> FindAsync(HttpContext context, long repositoryId)
    {
        var token = TokenOf(context.Request.Headers.Authorization.ToString());
        return token.Length > 0
            && await machines.FindByTokenHashAsync(ServerIdentity.HashToken(token), context.RequestAborted) is { IsFinal: false } machine
            && await repositories.FindAsync(repositoryId, context.RequestAborted) is { } repository
            && repository.UserId == machine.UserId
            ? repository
            : null;
    }

    /// <summary>Whether a machine may delete or replace the object.</summary>
    public static bool IsLock(string name) => name.StartsWith("locks/", StringComparison.Ordinal);

    // Basic with any name and the token as password is how restic brings it.
    private static string TokenOf(string header)
    {
        if (header.StartsWith(Bearer, StringComparison.Ordinal))
        {
            return header[Bearer.Length..];
        }

        if (!header.StartsWith(Basic, StringComparison.Ordinal))
        {
            return "";
        }

        Span<byte> bytes = stackalloc byte[512];
        return header.Length < 512 && Convert.TryFromBase64String(header[Basic.Length..], bytes, out var length)
            && Encoding.UTF8.GetString(bytes[..length]) is var pair && pair.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon
                ? pair[(colon + 1)..]
                : "";
    }
}
