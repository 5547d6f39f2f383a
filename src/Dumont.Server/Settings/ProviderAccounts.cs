using System.Security.Cryptography;
using System.Text;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Providers.Ssh;
using Dumont.Server.OwnMachines;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Settings;

/// <summary>An account at a provider. <paramref name="Account"/> is the user's id where the user has credentials of his own, else 0: the account of
/// the whole server. An own machine is an account of its own, numbered as the machine.</summary>
/// <param name="Provider">The provider's word.</param>
/// <param name="Account">Whose credentials.</param>
/// <param name="Client">How to reach it.</param>
/// <param name="Mark">Tells these credentials from others, and nothing of them. With other credentials a provider may be speaking of another account: what
/// it does not know there may well exist here.</param>
internal sealed record ProviderAccount(string Provider, long Account, IComputeProvider Client, string Mark)
{
    /// <summary>The account that an own machine is. Its host key is pinned when it joins, so its number always means the same computer.</summary>
    public static ProviderAccount OfOwnMachine(long id, IComputeProvider client) => new(SshProvider.ProviderName, id, client, $"own-{id}");
}

/// <summary>Makes a client of <paramref name="provider"/> from the credentials that were set for it.</summary>
/// <exception cref="FormatException">The credentials are none.</exception>
internal delegate IComputeProvider ProviderClientFactory(string provider, string secret);

/// <summary>Which account a user's machines are rented with, and how to reach it again later. Clients are kept as long as their credentials.</summary>
internal sealed class ProviderAccounts(
    SecretStore secrets,
    ProviderClientFactory factory,
    OwnMachineStore ownMachines,
    OwnMachineAccess ownAccess,
    IOptions<VastAccountOptions> vast,
    IOptions<GcpAccountOptions> gcp)
{
    /// <summary>The words of the providers that one has credentials for.</summary>
    public static readonly IReadOnlyList<string> Providers = ["vast", "gcp"];

    // One client per account at a time: it keeps the pace that the provider asks of the account.
    private readonly Dictionary<(string Provider, long Account), (string Secret, IComputeProvider Client, string Mark)> _clients = [];
    private readonly Lock _lock = new();

    /// <summary>The account that <paramref name="user"/> rents with; null when there are no credentials at all.</summary>
    public async Task<ProviderAccount?> FindForUserAsync(UserId user, string provider, CancellationToken cancellationToken) =>
        await FindAsync(provider, user.Value, cancellationToken) ?? await FindAsync(provider, 0, cancellationToken);

    /// <summary>The account numbered <paramref name="account"/>, under which a machine was rented; null when its credentials are gone.</summary>
    public async Task<ProviderAccount?> FindAsync(string provider, long account, CancellationToken cancellationToken)
    {
        if (provider == SshProvider.ProviderName)
        {
            return await ownMachines.FindAsync(account, cancellationToken) is { } machine ? await OwnAsync(machine, cancellationToken) : null;
        }

        if (account == 0)
        {
            var secret = await ServerSecretAsync(provider, cancellationToken);
            return secret is null ? null : Account(provider, 0, secret, () => secret);
        }

        var kept = await secrets.FindAsync(new UserId(account), SecretOf(provider), cancellationToken);
        return kept is null ? null : Account(provider, account, kept.Ciphertext, () => secrets.Reveal(kept));
    }

    /// <summary>Every account that has credentials.</summary>
    public async Task<IReadOnlyList<ProviderAccount>> ListAsync(CancellationToken cancellationToken)
    {
        var accounts = new List<ProviderAccount>();
        foreach (var provider in Providers)
        {
            if (await FindAsync(provider, 0, cancellationToken) is { } account)
            {
                accounts.Add(account);
            }

            foreach (var kept in await secrets.ListAsync(SecretOf(provider), cancellationToken))
            {
                accounts.Add(Account(provider, kept.User.Value, kept.Ciphertext, () => secrets.Reveal(kept)));
            }
        }

        foreach (var machine in await ownMachines.ListAsync(cancellationToken))
        {
            accounts.Add(await OwnAsync(machine, cancellationToken));
        }

        return accounts;
    }

    /// <summary>Whether a client can be made of <paramref name="secret"/>.</summary>
    public bool IsUsable(string provider, string secret)
    {
        try
        {
            using var client = factory(provider, secret) as IDisposable;
            return true;
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            return false;
        }
    }

    private async Task<ProviderAccount> OwnAsync(OwnMachine machine, CancellationToken cancellationToken) =>
        ProviderAccount.OfOwnMachine(machine.Id, await ownAccess.ConnectAsync(machine, cancellationToken));

    private static string SecretOf(string provider) =>
        provider switch
        {
            "vast" => SecretStore.VastApiKey,
            "gcp" => SecretStore.GcpCredentials,
            _ => throw new ArgumentOutOfRangeException(nameof(provider), provider, "No such provider."),
        };

    private async Task<string?> ServerSecretAsync(string provider, CancellationToken cancellationToken) =>
        provider switch
        {
            "vast" => string.IsNullOrWhiteSpace(vast.Value.ApiKey) ? null : vast.Value.ApiKey,
            "gcp" when gcp.Value.CredentialsFile is { Length: > 0 } file => await File.ReadAllTextAsync(file, cancellationToken),
            _ => null,
        };

    // A ciphertext is new each time that a secret is set, so it tells whether the client is that of the present credentials without their being decrypted
    // at each look.
    private ProviderAccount Account(string provider, long account, string kept, Func<string> reveal)
    {
        lock (_lock)
        {
            if (!_clients.TryGetValue((provider, account), out var known) || known.Secret != kept)
            {
                var secret = reveal();
                known = (kept, factory(provider, secret), MarkOf(secret));
                _clients[(provider, account)] = known;
            }

            return new ProviderAccount(provider, account, known.Client, known.Mark);
        }
    }

    /// <summary>The mark of credentials.</summary>
    internal static string MarkOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)).AsSpan(0, 8));
}
