using System.Security.Cryptography;
using System.Text;
using Dumont.Providers;
using Dumont.Providers.Ssh;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Platform.Web.Shell;

namespace Dumont.Server.Dashboard;

/// <summary>From an offer to an instance: the form, the price of what is typed in it, and the renting.</summary>
internal static class NewInstancePages
{
    // A price that moved by less since it was shown is the one that was agreed to.
    private const decimal PriceTolerance = 1.01m;

    /// <summary>Maps the pages.</summary>
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("/instances/new", ShowAsync);
        pages.MapPost("/instances/new/quote", QuoteAsync);
        pages.MapPost("/instances/new", RentAsync);
    }

    private static async Task<IResult> ShowAsync(HttpContext context, Caller caller, Quotes quotes, AutoStandby autoStandby, CancellationToken cancellationToken)
    {
        var query = context.Request.Query;
        var form = NewInstanceForm.Read(name => query[name].ToString());
        if (form.Offer is null)
        {
            return Page.GoTo("/offers");
        }

        var standby = query.ContainsKey("standby") ? form.Standby : (await autoStandby.GetAsync(caller.UserId, cancellationToken)).Enabled;
        return await PageAsync(context, caller, quotes, form with { Standby = standby }, new Dictionary<string, FieldError>(), problem: null, StatusCodes.Status200OK, cancellationToken);
    }

    // What changes as one types: what it will cost, and the command. A form, not an address: environment variables may be secrets.
    private static async Task<IResult> QuoteAsync(HttpContext context, Caller caller, Quotes quotes, CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = NewInstanceForm.Read(name => sent[name].ToString());
        var quote = form is { Offer: { } offer, Disk: { } disk and >= 10 and <= 10_000 }
            ? (await quotes.FindAsync(caller.UserId, offer, disk, form.Standby, cancellationToken))?.Quote
            : null;
        var frame = Page.FrameOf(context);
        var html = await Page.FragmentAsync<QuotePanel>(context.RequestServices, frame, new { Quote = quote })
            + await Page.FragmentAsync<CliEcho>(
                context.RequestServices, frame, new { Command = form.Command(), Curl = form.Curl(frame.Origin), IsOpen = true, IsReplacing = true });
        return Results.Content(html, "text/html; charset=utf-8");
    }

    private static async Task<IResult> RentAsync(
        HttpContext context,
        Caller caller,
        Quotes quotes,
        InstanceService service,
        IdempotencyStore idempotency,
        CancellationToken cancellationToken)
    {
        var sent = await context.Request.ReadFormAsync(cancellationToken);
        var form = NewInstanceForm.Read(name => sent[name].ToString());
        var (request, errors) = form.ToRequest();
        if (sent["step"] == "preview" || errors.Count > 0)
        {
            var status = errors.Count > 0 ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK;
            return await PageAsync(context, caller, quotes, form, errors, problem: null, status, cancellationToken);
        }

        var found = await quotes.FindAsync(caller.UserId, form.Offer!.Value, form.Disk!.Value, form.Standby, cancellationToken);
        if (found is { } now && !(now.Quote.UsdPerHour <= form.Shown * PriceTolerance))
        {
            return await RefuseAsync("new.price_moved", StatusCodes.Status409Conflict);
        }

        var key = new IdempotentRequest(caller.UserId, "page-" + form.Key);
        switch (await idempotency.BeginAsync(key, HashOf(form), cancellationToken))
        {
            case IdempotencyState.Done(var answer):
                return Page.GoTo(PathOf(answer));
            case IdempotencyState.InProgress:
                return Page.GoTo("/instances");
            case IdempotencyState.Mismatch:
                return await RefuseAsync("new.sent_before", StatusCodes.Status409Conflict);
        }

        var result = await CreateAsync();
        return result switch
        {
            CreateInstanceResult.Accepted(var instance) => Page.GoTo($"/instances/{instance.Id}"),
            _ => await PageAsync(
                context, caller, quotes, form with { Key = NewKey() }, errors, InstancesEndpoints.ProblemOf(result, request), InstancesEndpoints.ProblemOf(result, request).Kind.Status, cancellationToken),
        };

        async Task<CreateInstanceResult> CreateAsync()
        {
            var done = false;
            try
            {
                var created = await service.CreateAsync(caller.UserId, request, key, also: null, cancellationToken);
                done = created is CreateInstanceResult.Accepted;
                return created;
            }
            finally
            {
                if (!done)
                {
                    await idempotency.ReleaseAsync(key, CancellationToken.None);
                }
            }
        }

        async Task<IResult> RefuseAsync(string text, int status) =>
            await PageAsync(
                context, caller, quotes, form with { Key = NewKey() }, errors, new Problem(Problems.Conflict, new Ui(Language.Of(context.Request))[text]), status, cancellationToken);
    }

    private static async Task<IResult> PageAsync(
        HttpContext context,
        Caller caller,
        Quotes quotes,
        NewInstanceForm form,
        IReadOnlyDictionary<string, FieldError> errors,
        Problem? problem,
        int status,
        CancellationToken cancellationToken)
    {
        var ui = new Ui(Language.Of(context.Request));
        (MachineOffer Offer, Quote Quote)? found = null;
        try
        {
            found = form.Offer is { } offer
                ? await quotes.FindAsync(caller.UserId, offer, form.Disk is >= 10 and <= 10_000 ? form.Disk.Value : InstanceRules.DefaultDiskGb, form.Standby, cancellationToken)
                : null;
        }
        catch (ProviderException exception)
        {
            problem ??= ProblemMapping.OfProvider(exception);
        }

        if (found is null && problem is null)
        {
            (problem, status) = (Problems.Unknown("offer", form.OfferId), StatusCodes.Status404NotFound);
        }

        return Page.Show<NewInstancePage>(
            context,
            new
            {
                Form = form.Key.Length == 0 ? form with { Key = NewKey() } : form,
                Errors = (IReadOnlyDictionary<string, string>)errors.ToDictionary(error => error.Key, error => ProblemTexts.OfField(ui, error.Value)),
                ProblemTitle = problem is null ? null : ProblemTexts.TitleOf(ui, problem.Kind.Code),
                ProblemDetail = problem is null ? null : ProblemTexts.DetailOf(problem, ui.Language),
                Offer = found?.Offer is { } shown ? $"{shown.GpuCount} × {shown.GpuName}" + (shown.Geolocation is null or SshOffers.UntoldLocation ? "" : $" · {shown.Geolocation}") : null,
                IsOwn = found?.Offer.Provider == SshProvider.ProviderName,
                DiskMax = found?.Offer.DiskGb,
                Quote = found?.Quote,
                HasStandbyAccount = await quotes.FindStandbyAsync(caller.UserId, InstanceRules.DefaultDiskGb, cancellationToken) is not null,
            },
            status);
    }

    private static string PathOf(IdempotentAnswer answer) => "/instances/" + answer.Location?.Split('/')[^1];

    private static string NewKey() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private static string HashOf(NewInstanceForm form) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(form.ToString())));
}
