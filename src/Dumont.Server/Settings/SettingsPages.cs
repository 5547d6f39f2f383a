using System.Text.Json;
using Dumont.Contracts;
using Dumont.Providers;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Settings;

/// <summary>Keys of providers, checked when they are set and never shown again; and SSH keys.</summary>
internal static class SettingsPages
{
    private const string Providers = "/settings";
    private const string SshKeys = "/settings/ssh-keys";

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet(Providers, ShowAsync);
        pages.MapPost(Providers, SetAsync);
        pages.MapGet(SshKeys, ShowSshKeysAsync);
        pages.MapPost(SshKeys, AddSshKeyAsync);
        pages.MapPost(SshKeys + "/{id:long}/remove", RemoveSshKeyAsync);
    }

    private static async Task<IResult> ShowAsync(
        HttpContext context, Caller caller, SettingsStore store, SecretStore secrets, ProviderAccounts accounts, CancellationToken cancellationToken) =>
        await PageAsync(context, caller, store, secrets, accounts, new Dictionary<string, string>(), StatusCodes.Status200OK, cancellationToken);

    private static async Task<IResult> SetAsync(
        HttpContext context,
        Caller caller,
        SettingsStore store,
        SecretStore secrets,
        ProviderAccounts accounts,
        ProviderClientFactory factory,
        CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var (provider, value, ui) = (form["provider"].ToString(), form["secret"].ToString().Trim(), new Ui(Language.Of(context.Request)));
        var field = provider == "gcp" ? SecretStore.GcpCredentials : SecretStore.VastApiKey;
        var remove = form["remove"] == "true";
        if (!remove && value.Length == 0)
        {
            return await RefuseAsync(ui["settings.key_missing"]);
        }

        if (!remove && await CheckAsync(ui, factory, provider == "gcp" ? "gcp" : "vast", value, cancellationToken) is { } trouble)
        {
            return await RefuseAsync(trouble);
        }

        var request = provider == "gcp"
            ? new UpdateSettingsRequest { GcpCredentials = JsonSerializer.SerializeToElement(remove ? "" : value) }
            : new UpdateSettingsRequest { VastApiKey = remove ? "" : value };
        var result = await SettingsEndpoints.UpdateAsync(request, caller, store, secrets, accounts, cancellationToken);
        return result.Result is Problem problem
            ? await RefuseAsync(ProblemTexts.Of(ui, problem))
            : Page.GoTo(context, Providers, ui[remove ? "settings.key_removed" : "settings.key_set"]);

        Task<IResult> RefuseAsync(string error) => PageAsync(
            context, caller, store, secrets, accounts, new Dictionary<string, string> { [field] = error }, StatusCodes.Status422UnprocessableEntity, cancellationToken);
    }

    // Asks the provider with the new key before the old one is replaced by it.
    private static async Task<string?> CheckAsync(Ui ui, ProviderClientFactory factory, string provider, string secret, CancellationToken cancellationToken)
    {
        try
        {
            var client = factory(provider, secret);
            if (provider == "vast")
            {
                await client.GetBalanceAsync(cancellationToken);
            }
            else
            {
                await client.ListAsync(cancellationToken);
            }

            return null;
        }
        catch (ProviderException exception) when (exception.Kind == ProviderErrorKind.Credentials)
        {
            return ui["settings.key_refused"];
        }
        catch (ProviderException)
        {
            return ui["settings.key_unchecked"];
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            return ui["settings.key_malformed"];
        }
    }

    private static async Task<IResult> PageAsync(
        HttpContext context,
        Caller caller,
        SettingsStore store,
        SecretStore secrets,
        ProviderAccounts accounts,
        IReadOnlyDictionary<string, string> errors,
        int status,
        CancellationToken cancellationToken)
    {
        var settings = (await SettingsEndpoints.GetAsync(caller, store, secrets, cancellationToken)).Value!;
        var vast = await accounts.FindForUserAsync(caller.UserId, "vast", cancellationToken);
        decimal? credit = null;
        try
        {
            credit = vast is null ? null : (await vast.Client.GetBalanceAsync(cancellationToken))?.CreditUsd;
        }
        catch (ProviderException)
        {
            // The page says that it is not known.
        }

        return Page.Show<SettingsPage>(
            context,
            new
            {
                VastApiKey = settings.VastApiKey,
                GcpCredentials = settings.GcpCredentials,
                HasServerVast = await accounts.FindAsync("vast", 0, cancellationToken) is not null,
                HasServerGcp = await accounts.FindAsync("gcp", 0, cancellationToken) is not null,
                CreditUsd = credit,
                Errors = errors,
            },
            status);
    }

    private static async Task<IResult> ShowSshKeysAsync(HttpContext context, Caller caller, SshKeyStore keys, CancellationToken cancellationToken) =>
        Page.Show<SshKeysPage>(context, new { Keys = await keys.ListAsync(caller.UserId, cancellationToken) });

    private static async Task<IResult> AddSshKeyAsync(HttpContext context, Caller caller, SshKeyStore keys, CancellationToken cancellationToken)
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var (name, key, ui) = (form["name"].ToString().Trim(), form["public_key"].ToString().Trim(), new Ui(Language.Of(context.Request)));
        var request = new AddSshKeyRequest { Name = name.Length > 100 ? name[..100] : name, PublicKey = key };
        var result = key.Length is > 0 and <= 8192
            ? (await SettingsEndpoints.AddSshKeyAsync(request, caller, keys, cancellationToken)).Result
            : Problems.Field("public_key", "");
        return result is Problem problem
            ? Page.Show<SshKeysPage>(
                context,
                new { Keys = await keys.ListAsync(caller.UserId, cancellationToken), Name = name, PublicKey = key, Error = problem.Fields is null ? ProblemTexts.DetailOf(problem, ui.Language) : ui["field.public_key.error"] },
                problem.Kind.Status)
            : Page.GoTo(context, SshKeys, ui["ssh.added"]);
    }

    private static async Task<IResult> RemoveSshKeyAsync(long id, HttpContext context, Caller caller, SshKeyStore keys, CancellationToken cancellationToken) =>
        await keys.RemoveAsync(caller.UserId, id, cancellationToken)
            ? Page.GoTo(context, SshKeys, new Ui(Language.Of(context.Request))["ssh.removed"])
            : Problems.Unknown("SSH key", id);
}
