using System.Net;
using Dumont.Contracts;
using Dumont.Providers.Tests.Ssh;
using Dumont.Server.OwnMachines;
using Dumont.Server.Platform.Web.Shell;
using static Dumont.Server.Tests.TestServer;

namespace Dumont.Server.Tests.OwnMachines;

public sealed class OwnMachinePageTests
{
    private const string Path = "/settings/own-machines";
    private const string Payload = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";

    [Fact]
    public async Task Join_ComparedInTwoSteps_ThenListedCheckedRentedAndRemoved()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var user = await WebUser.SignedUpAsync(server.BaseAddress);
        var page = await user.GetAsync(Path);
        Assert.NotEmpty(page.Document.QuerySelectorAll("#own-machines .empty"));

        // Unseen: it shows its fingerprint and is sent nothing.
        var typed = Typed(computer);
        var unconfirmed = await user.SendAsync(page, "#join-form", typed);
        Assert.Equal(HttpStatusCode.OK, unconfirmed.Status);
        Assert.Equal(computer.Fingerprint, unconfirmed.One("[name=host_key_fingerprint]").GetAttribute("value"));
        Assert.DoesNotContain("publickey", computer.Log, StringComparison.Ordinal);
        Assert.Equal((computer.Host, "tower"), (unconfirmed.One("#host").GetAttribute("value"), unconfirmed.One("#name").GetAttribute("value")));

        // Another key than the one that was compared.
        var other = await user.SendAsync(unconfirmed, "#join-form", [.. typed, ("host_key_fingerprint", "SHA256:" + new string('A', 43))]);
        Assert.Equal(HttpStatusCode.Conflict, other.Status);
        Assert.Empty(other.Document.QuerySelectorAll("[name=host_key_fingerprint]"));

        // Our key is not let in: the compared fingerprint stays.
        (string, string)[] compared = [.. typed, ("host_key_fingerprint", computer.Fingerprint)];
        var refused = await user.SendAsync(unconfirmed, "#join-form", compared);
        Assert.Equal(HttpStatusCode.BadRequest, refused.Status);
        Assert.Contains("refuses the key", refused.TextOf("main > .toast"), StringComparison.Ordinal);
        Assert.Equal(computer.Fingerprint, refused.One("[name=host_key_fingerprint]").GetAttribute("value"));

        computer.Authorize(page.TextOf("#machine-key"));
        Assert.Equal(Path, (await user.SendAsync(refused, "#join-form", compared)).Location);
        var list = await user.GetAsync(Path);
        Assert.Equal("free", list.TextOf("#own-machines .badge"));
        Assert.Contains("RTX 4090", list.TextOf("#own-machines tbody tr"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Conflict, (await user.SendAsync(refused, "#join-form", compared)).Status);

        var check = list.One("#own-machines button[form=act]").GetAttribute("formaction")!;
        Assert.Equal(Path, (await PressAsync(user, list, check)).Location);
        Assert.Contains("tower", (await user.GetAsync(Path)).TextOf("#notice"), StringComparison.Ordinal);

        // On offer at no price, with its badge, and rented by the form.
        var offers = await user.GetAsync("/offers?gpu_name=rtx4090");
        Assert.Equal("own machine", offers.TextOf("#offers tbody .badge"));
        Assert.Contains("$0.00", offers.TextOf("#offers tbody td.figure"), StringComparison.Ordinal);
        var rent = await user.GetAsync(offers.One("#offers tbody a.button").GetAttribute("href")!);
        Assert.Equal("own machine", rent.TextOf(".page-header .badge"));
        var rented = await user.SendAsync(rent, "#rent", ("disk_size", "10"), ("shown", rent.One("#quote input[name=shown]").GetAttribute("value")!));
        Assert.Equal(HttpStatusCode.SeeOther, rented.Status);

        // In use: the list says by which, and removing leads there.
        Assert.Equal("in use", (await user.GetAsync(Path)).TextOf("#own-machines .badge"));
        var remove = list.One("#own-machines td a.button").GetAttribute("href")!;
        var blocked = await user.GetAsync(remove);
        Assert.Empty(blocked.Document.QuerySelectorAll(".confirm form"));
        Assert.Equal(rented.Location, blocked.One(".confirm a.primary").GetAttribute("href"));
        var forced = await PressAsync(user, list, remove, ("label", "tower"));
        Assert.Equal(HttpStatusCode.Conflict, forced.Status);

        // Lost while in use: gone only by typing its name.
        await computer.PowerOffAsync();
        await PressAsync(user, list, check);
        await PressAsync(user, list, check);
        Assert.Equal("lost", (await user.GetAsync(Path)).TextOf("#own-machines .badge"));
        var ask = await user.GetAsync(remove);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await user.SendAsync(ask, ".confirm form", ("label", "tover"))).Status);
        Assert.Equal(Path, (await user.SendAsync(ask, ".confirm form", ("label", "tower"))).Location);
        Assert.NotEmpty((await user.GetAsync(Path)).Document.QuerySelectorAll("#own-machines .empty"));
    }

    [Fact]
    public async Task Join_Refused_IsToldInTheReadersLanguage()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var user = await WebUser.SignedUpAsync(server.BaseAddress, language: "pt-BR");
        var unconfirmed = await user.SendAsync(await user.GetAsync(Path), "#join-form", Typed(computer));

        var other = await user.SendAsync(unconfirmed, "#join-form", [.. Typed(computer), ("host_key_fingerprint", "SHA256:" + new string('A', 43))]);

        Assert.Contains("Nada foi enviado a ela.", other.TextOf("main > .toast"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("en", "A number from 1 to 65535.")]
    [InlineData("pt-BR", "Um número de 1 a 65535.")]
    public async Task Join_WrongFields_AreNamedInPlaceAndAllButThePrivateKeyStays(string language, string expected)
    {
        await using var server = await StartAsync();
        using var user = await WebUser.SignedUpAsync(server.BaseAddress, language: language);
        var page = await user.GetAsync(Path);
        (string, string)[] typed =
        [
            ("host", Payload), ("port", "70000"), ("user", "Root"), ("name", "a b"), ("uses", "cpu"), ("location", "Lisbon, PT"), ("instance_port", "x"), ("folder", "/"),
            ("private_key", "not a key"),
        ];

        var again = await user.SendAsync(page, "#join-form", typed);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, again.Status);
        Assert.Equal(
            ["folder-error", "host-error", "instance_port-error", "name-error", "port-error", "private_key-error", "user-error"],
            again.Document.QuerySelectorAll(".field-error").Select(error => error.Id!).Order(StringComparer.Ordinal));
        Assert.Equal(expected, again.TextOf("#port-error"));
        Assert.Equal((Payload, "70000", "Lisbon, PT"), (
            again.One("#host").GetAttribute("value"), again.One("#port").GetAttribute("value"), again.One("#location").GetAttribute("value")));
        Assert.DoesNotContain("not a key", again.Html, StringComparison.Ordinal);
        Assert.Empty(again.Document.QuerySelectorAll("main script, img"));

        // Left out the second time it is asked for, instead of another key being tried silently.
        var without = await user.SendAsync(again, "#join-form", ("host", "127.0.0.1"), ("port", "22"), ("user", "root"), ("private_key", ""));
        Assert.Equal("private_key-error", Assert.Single(without.Document.QuerySelectorAll(".field-error")).Id);
    }

    [Fact]
    public async Task Join_NobodyAnswers_SaysWhatToDo()
    {
        await using var server = await StartAsync();
        using var user = await WebUser.SignedUpAsync(server.BaseAddress);
        var answer = await user.SendAsync(await user.GetAsync(Path), "#join-form", ("host", "127.0.0.1"), ("port", $"{OwnComputer.FreePort()}"));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Contains("ssh-keyscan", answer.TextOf("main > .toast"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Machine_OfSomebodyElse_IsNotThere()
    {
        await using var computer = await ComputerAsync();
        await using var server = await StartAsync();
        using var user = await WebUser.SignedUpAsync(server.BaseAddress);
        var page = await user.GetAsync(Path);
        computer.Authorize(page.TextOf("#machine-key"));
        Assert.Equal(Path, (await user.SendAsync(page, "#join-form", [.. Typed(computer), ("host_key_fingerprint", computer.Fingerprint)])).Location);
        var remove = (await user.GetAsync(Path)).One("#own-machines td a.button").GetAttribute("href")!;

        using var eve = await WebUser.SignedUpAsync(server.BaseAddress, "eve@example.com");
        var hers = await eve.GetAsync(Path);
        Assert.NotEmpty(hers.Document.QuerySelectorAll("#own-machines .empty"));
        Assert.NotEqual(page.TextOf("#machine-key"), hers.TextOf("#machine-key"));
        Assert.Equal(HttpStatusCode.NotFound, (await eve.GetAsync(remove)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await PressAsync(eve, hers, remove)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await PressAsync(eve, hers, remove.Replace("remove", "check", StringComparison.Ordinal))).Status);
        Assert.Equal("free", (await user.GetAsync(Path)).TextOf("#own-machines .badge"));

        // Without the token of the page nothing is done either.
        Assert.Equal(HttpStatusCode.Forbidden, (await user.PostAsync(remove, [])).Status);
        Assert.Equal(Path, (await user.SendAsync(await user.GetAsync(remove), ".confirm form")).Location);
    }

    [Fact]
    public async Task List_HostileMachine_IsText()
    {
        await using var server = await StartAsync();
        var machine = new OwnMachineResponse
        {
            Id = 1,
            Name = Payload,
            Host = Payload,
            Port = 22,
            User = Payload,
            HostKeyFingerprint = "",
            Folder = "",
            InstancePort = 1,
            Uses = "gpu",
            Location = Payload,
            State = "unusable",
            Detail = Payload,
            OfferId = 1,
            IsFree = false,
            InstanceId = 7,
            IsClaimedElsewhere = false,
            GpuName = Payload,
            NumGpus = 1,
            GpuRam = 1,
            CpuCores = 1,
            CpuRam = 1,
            DiskSpace = 1,
            OperatingSystem = Payload,
            Reliability = 1,
            JoinedAt = DateTimeOffset.UnixEpoch,
            CheckedAt = DateTimeOffset.UnixEpoch,
        };
        var html = await Page.FragmentAsync<OwnMachineList>(
            server.Services, new Ui(Language.English), new { Machines = (IReadOnlyList<OwnMachineResponse>)[machine] });

        Assert.Contains("unusable", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Command_OfTheForm_NamesAFileForThePrivateKeyAndQuotesTheRest() =>
        Assert.Equal(
            "dumont own-machine add tower.lan port=2200 location='Lisbon, PT' private_key=@machine.key",
            new OwnMachineForm { Host = "tower.lan", Port = "2200", Location = "Lisbon, PT", HasPrivateKey = true }.Command());

    private static async Task<OwnComputer> ComputerAsync()
    {
        Assert.SkipWhen(OwnComputer.Missing is not null, OwnComputer.Missing ?? "");
        return await OwnComputer.StartAsync("NVIDIA GeForce RTX 4090, 24564");
    }

    private static (string, string)[] Typed(OwnComputer computer) =>
    [
        ("host", computer.Host), ("port", $"{computer.Port}"), ("user", "root"), ("name", "tower"), ("folder", computer.Folder), ("instance_port", $"{computer.InstancePort}"),
    ];

    // Buttons of live fragments belong to the page's own form.
    private static Task<WebAnswer> PressAsync(WebUser user, WebAnswer page, string path, params (string Name, string Value)[] typed) =>
        user.PostAsync(path, [
            new("form_token", page.Document.QuerySelector("input[name=form_token]")!.GetAttribute("value")!),
            .. typed.Select(pair => new KeyValuePair<string, string>(pair.Name, pair.Value)),
        ]);
}
